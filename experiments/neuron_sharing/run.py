"""Does one penalty on all outputs make them share neurons, and does that pay?"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from splinear.shallow import ShallowNet, fit_network_path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import interval, main, slope
from experiments.neuron_sharing.config import CONFIGS, Config
from experiments.neuron_sharing.targets import Array, inputs, make_target

HERE = Path(__file__).resolve().parent
Sample = tuple[Array, Array]


def distinct(nets: list[ShallowNet], merge: float) -> int:
    """Count kinks of `nets` further than `merge` apart, u.x = t and -u.x = -t alike."""
    kept: list[Array] = []
    for net in nets:
        for place in np.column_stack([net.directions, net.offsets]):
            gaps = [min(abs(place - k).max(), abs(place + k).max()) for k in kept]
            if min(gaps, default=np.inf) > merge:
                kept.append(place)
    return len(kept)


def rank(nets: list[ShallowNet], least: float) -> int:
    """Return the rank of the coefficients, (neurons, outputs), side by side.

    Neighbouring neurons that stand for one true neuron have coefficients of one
    direction, so that the rank counts them once; `least` over the largest singular
    value counts as zero.
    """
    sizes = [np.linalg.svd(net.coef, compute_uv=False) for net in nets]
    values = np.concatenate(sizes)
    return int(np.sum(values > least * values.max(initial=0.0)))


def path(config: Config, train: Sample) -> list[ShallowNet]:
    """Return the networks along the path of one group of outputs."""
    _, results = fit_network_path(
        *train,
        n_alphas=config.n_alphas,
        ratio=config.ratio,
        certificate="heuristic",
        n_starts=config.n_starts,
        tol=config.tol,
        max_iter=config.max_iter,
    )
    return [result.value for result in results]


def best(nets: list[ShallowNet], valid: Sample) -> ShallowNet:
    """Return the network of least error on the validation rows."""
    X, Y = valid
    return min(nets, key=lambda net: np.mean((net(X) - Y) ** 2))


def joint(config: Config, train: Sample, valid: Sample) -> list[list[ShallowNet]]:
    """Return one network of D outputs for each D."""
    (X, Y), (Xv, Yv) = train, valid
    return [
        [best(path(config, (X, Y[:, :D])), (Xv, Yv[:, :D]))] for D in config.outputs
    ]


def independent(config: Config, train: Sample, valid: Sample) -> list[list[ShallowNet]]:
    """Return D networks of one output for each D, the first D of the same list.

    What output_coupling="independent" does, with warm starts and for every output its
    own best alpha: that can only help it.
    """
    (X, Y), (Xv, Yv) = train, valid
    nets = [
        best(path(config, (X, Y[:, [c]])), (Xv, Yv[:, [c]])) for c in range(Y.shape[1])
    ]
    return [nets[:D] for D in config.outputs]


METHODS: dict[str, Callable[..., list[list[ShallowNet]]]] = {
    "joint": joint,
    "independent": independent,
}


def measure(config: Config, design: str, seed: int) -> dict[str, Array]:
    """Return neurons and noiseless error of each method, one entry per D."""
    rng = np.random.default_rng([seed, config.designs.index(design)])
    f = make_target(config, design, max(config.outputs), rng)

    def sample(n: int) -> Sample:
        X = inputs(rng, n, config.d)
        Y = f(X)
        return X, Y + config.noise * rng.standard_normal(Y.shape)

    train, valid, T = sample(config.n), sample(config.n_valid), sample(config.n_test)[0]
    found = {}
    for method, fit in METHODS.items():
        groups = fit(config, train, valid)
        found[f"{method}.neurons"] = [distinct(nets, config.merge) for nets in groups]
        found[f"{method}.rank"] = [rank(nets, config.least) for nets in groups]
        found[f"{method}.mse"] = [error(nets, T, f(T)) for nets in groups]
    return {name: np.array(values, dtype=float) for name, values in found.items()}


def error(nets: list[ShallowNet], T: Array, truth: Array) -> float:
    """Return the mean squared error of the first outputs, those that `nets` have."""
    guess = np.hstack([net(T) for net in nets])
    return float(np.mean((guess - truth[:, : guess.shape[1]]) ** 2))


def summarise(config: Config, design: str, found: list[dict[str, Array]]) -> dict:
    """Return means over seeds, error ratios, and growth of the neurons with D."""
    numbers: dict[str, Any] = {}
    stack = {name: np.array([one[name] for one in found]) for name in found[0]}
    logs = np.log(stack["joint.mse"] / stack["independent.mse"])  # (seeds, outputs)
    for i, D in enumerate(config.outputs):
        key = f"{design}.D{D}"
        for name, values in stack.items():
            numbers[f"{key}.{name}"] = values[:, i].mean()
        low, high = np.exp(interval(logs[:, i]))
        numbers[f"{key}.ratio"] = np.exp(logs[:, i].mean())
        numbers |= {f"{key}.ratio_low": low, f"{key}.ratio_high": high}
    for method in METHODS:
        growths = [slope(config.outputs, row) for row in stack[f"{method}.neurons"]]
        low, high = interval(growths)
        key = f"{design}.{method}.growth"
        numbers[key] = np.mean(growths)
        numbers |= {f"{key}_low": low, f"{key}_high": high}
    return numbers


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers: dict[str, Any] = {}
    for design in config.designs:
        found = [measure(config, design, seed) for seed in range(config.seeds)]
        numbers |= summarise(config, design, found)
    return {name: float(value) for name, value in numbers.items()}


def table(numbers: dict[str, float]) -> str:
    lines = [
        "design, D     neurons: joint  indep.   error: joint  indep.  ratio [95 %]"
    ]
    for key in [k[: -len(".ratio")] for k in numbers if k.endswith(".ratio")]:
        n = {
            k[len(key) + 1 :]: v for k, v in numbers.items() if k.startswith(f"{key}.")
        }
        lines.append(
            f"{key:13} {n['joint.neurons']:14.1f} {n['independent.neurons']:7.1f} "
            f"{n['joint.mse']:14.2e} {n['independent.mse']:.2e}  "
            f"{n['ratio']:.2f} [{n['ratio_low']:.2f}, {n['ratio_high']:.2f}]"
        )
    for key in [k for k in numbers if k.endswith(".growth")]:
        low, high = numbers[f"{key}_low"], numbers[f"{key}_high"]
        lines.append(f"{key:28} {numbers[key]:5.2f} [{low:.2f}, {high:.2f}]")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
