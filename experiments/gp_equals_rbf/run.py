"""Is the mean of the process SciPy's cubic spline, and do its deviations cover?"""

import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, RBFInterpolator
from scipy.stats import qmc

from splinear.processes import CubicSplineGP, RandomReLUProcess

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.gp_equals_rbf.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
Array = NDArray[np.float64]


def difference(config: Config, d: int, noise: float) -> float:
    """Return the largest difference of the two predictions, over the spread of y."""
    X = 2.0 * qmc.Halton(d, rng=config.seed).random(config.n) - 1.0
    rng = np.random.default_rng([config.seed, d])
    y = np.abs(X[:, 0]) + X.sum(axis=1) + 0.1 * rng.standard_normal(config.n)
    T = rng.uniform(-1.2, 1.2, (config.n_test, d))
    ours = CubicSplineGP(noise=noise, variance=config.variance).fit(X, y)
    smoothing = ours.smoothing_
    theirs = RBFInterpolator(X, y, kernel="cubic", degree=1, smoothing=smoothing)
    return float(np.max(np.abs(ours.predict(T) - theirs(T))) / np.std(y))


def natural(config: Config) -> dict[str, float]:
    """Return the errors of both in one column without noise: a third method is exact.

    There the mean is the natural cubic spline, from a well-conditioned banded system.
    """
    x = np.sort(2.0 * qmc.Halton(1, rng=config.seed).random(config.n)[:, 0] - 1.0)
    y = np.abs(x) + 0.1 * np.random.default_rng(config.seed).standard_normal(config.n)
    t = np.linspace(x[0], x[-1], config.n_test)
    exact = CubicSpline(x, y, bc_type="natural")(t)
    ours = CubicSplineGP(noise=0.0, variance=config.variance).fit(x[:, None], y)
    theirs = RBFInterpolator(x[:, None], y, kernel="cubic", degree=1)
    errors = {
        "natural.ours": ours.predict(t[:, None]) - exact,
        "natural.scipy": theirs(t[:, None]) - exact,
    }
    return {k: float(np.max(np.abs(e)) / np.std(y)) for k, e in errors.items()}


def coverage(config: Config) -> float:
    """Return how often an interval holds the function that gave the data.

    Functions are random ReLU networks, not Gaussian; noise and variance are estimated.
    """
    process, width = RandomReLUProcess(2, config.rate), NormalDist().inv_cdf
    half = width(0.5 + 0.5 * config.level)
    hits = []
    for repeat in range(config.coverage_repeats):
        rng = np.random.default_rng([config.seed, 9, repeat])
        X = rng.uniform(-1.0, 1.0, (config.coverage_n, 2))
        s = process.sample(2.0**0.5, rng)
        y = s(X) + config.sigma * rng.standard_normal(len(X))
        t = rng.uniform(-1.0, 1.0, (1, 2))
        mean, std = CubicSplineGP().fit(X, y).predict(t, return_std=True)
        hits.append(abs(s(t)[0] - mean[0]) <= half * std[0])
    return float(np.mean(hits))


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers = {
        f"d{d}.noise{noise:g}.difference": difference(config, d, noise)
        for d in config.dimensions
        for noise in config.noises
    }
    # In one column without noise both lose the digits that `natural` shows.
    rest = [v for k, v in numbers.items() if k != "d1.noise0.difference"]
    numbers["largest_difference"] = max(rest)
    numbers |= natural(config)
    numbers["coverage"] = coverage(config)
    return numbers


def table(numbers: dict[str, float]) -> str:
    """Return one line per number."""
    return "\n".join(f"{name:28} {value:.3g}" for name, value in numbers.items())


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
