"""Is the Hessian's spectrum the same at every global minimum with weight decay?

At random rotations of the closed-form minimiser, and at minima that L-BFGS finds by
itself, all eigenvalues of the whole Hessian are compared with the closed form. Without
weight decay the same rotations of unbalanced layers show what constancy is worth.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from splinear.factorization import (
    DeepMatrixFactorization,
    RegularizedMatrixFactorization,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.spectrum_constancy.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
Array = NDArray[np.float64]


def deviation(net: DeepMatrixFactorization, want: Array) -> float:
    """Return the largest distance of an eigenvalue from the closed form's, relative."""
    values = np.linalg.eigvalsh(net.hessian())[::-1]
    return float(np.abs(values - want).max() / want[0])


def rotated(config: Config, M: Array, model: RegularizedMatrixFactorization) -> float:
    """Return the largest deviation over random rotations of the hidden layers."""
    want = model.hessian_spectrum().to_array()
    rng = np.random.default_rng(config.seed)
    lam = config.weight_decay
    points = (model.sample_factors(rng) for _ in range(config.rotations))
    return max(
        deviation(DeepMatrixFactorization(W, M, weight_decay=lam), want) for W in points
    )


def searched(
    config: Config, M: Array, model: RegularizedMatrixFactorization, widths: tuple
) -> tuple[int, float]:
    """Return how many searches found the minimum, and the largest deviation there."""
    want, lam = model.hessian_spectrum().to_array(), config.weight_decay
    shapes = [(b, a) for a, b in pairwise(widths)]
    ends = np.cumsum([a * b for a, b in shapes])[:-1]
    rng = np.random.default_rng(config.seed)

    def at(x: Array) -> DeepMatrixFactorization:
        parts = zip(np.split(x, ends), shapes, strict=True)
        layers = [part.reshape(shape) for part, shape in parts]
        return DeepMatrixFactorization(layers, M, weight_decay=lam)

    def value(x: Array) -> tuple[float, Array]:
        net = at(x)
        return net.loss(), net.flatten(net.gradient())

    options = {"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-10}
    found = []
    for _ in range(config.searches):
        x = rng.normal(size=len(want))
        end = minimize(value, x, jac=True, method="L-BFGS-B", options=options)
        if end.fun <= model.objective_ * (1.0 + config.near):
            found.append(deviation(at(end.x), want))
    return len(found), max(found, default=float("nan"))


def spread_without(config: Config, widths: tuple) -> float:
    """Return largest over least sharpness of minima of one product, no weight decay."""
    rng = np.random.default_rng(config.seed)
    layers = [rng.normal(size=(b, a)) for a, b in pairwise(widths)]
    values = []
    for _ in range(config.rotations):
        # An invertible change of every hidden basis: the product stays.
        G = [np.eye(d) for d in widths]
        for i in range(1, len(widths) - 1):
            G[i] = np.eye(widths[i]) + 0.3 * rng.normal(size=(widths[i],) * 2)
        moved = [G[i + 1] @ W @ np.linalg.inv(G[i]) for i, W in enumerate(layers)]
        values.append(DeepMatrixFactorization(moved).sharpness().value)
    return max(values) / min(values)


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers: dict[str, float] = {}
    rng = np.random.default_rng(config.seed)
    for widths in config.widths:
        M = config.size * rng.normal(size=(widths[-1], widths[0]))
        L, key = len(widths) - 1, "x".join(map(str, widths))
        model = RegularizedMatrixFactorization(L, config.weight_decay, widths).fit(M)
        count, off = searched(config, M, model, widths)
        numbers[f"{key}.rank"] = float(model.rank_)
        numbers[f"{key}.rotated"] = rotated(config, M, model)
        numbers[f"{key}.searched"] = off
        numbers[f"{key}.found"] = float(count)
        numbers[f"{key}.spread_without"] = spread_without(config, widths)
    most = {"rotated": max, "searched": max, "found": min, "rank": min}
    for name, choose in most.items():
        values = [v for key, v in numbers.items() if key.endswith(f".{name}")]
        numbers[name] = choose(values)
    return numbers


def table(numbers: dict[str, float]) -> str:
    lines = [
        "widths         rotated   searched (found)   sharpness spread without decay"
    ]
    for key in [k[: -len(".rotated")] for k in numbers if k.endswith(".rotated")]:
        n = {
            name: numbers[f"{key}.{name}"]
            for name in ("rotated", "searched", "found", "spread_without")
        }
        lines.append(
            f"{key:12} {n['rotated']:9.1e} {n['searched']:10.1e} ({n['found']:.0f}) "
            f"{n['spread_without']:23.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
