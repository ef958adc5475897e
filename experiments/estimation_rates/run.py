"""How fast does the error fall with the number of rows, beside tuned kernels?"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import interval, main, slope
from experiments.estimation_rates.config import CONFIGS, Config
from experiments.estimation_rates.methods import METHODS
from experiments.estimation_rates.targets import Array, ball, bump, jump, ridges
from experiments.estimation_rates.theory import bound

HERE = Path(__file__).resolve().parent
#: Numbers the streams of random numbers: a new target leaves the others as they were.
STREAMS = {"ridges": 0, "bump": 1, "jump": 2}


def make_target(
    config: Config, name: str, d: int, rng: np.random.Generator
) -> Callable[[Array], Array]:
    """Return the target of one seed, scaled to standard deviation one."""
    kinds = {
        "ridges": lambda: ridges(rng, d, config.n_ridges),
        "bump": lambda: bump(config.bump_width),
        "jump": lambda: jump(rng, d),
    }
    raw = kinds[name]()
    values = raw(ball(rng, 10_000, d))
    centre, spread = values.mean(), values.std()
    return lambda X: (raw(X) - centre) / spread


def errors(config: Config, name: str, d: int, seed: int) -> dict[str, Array]:
    """Return each method's error against the noiseless target, one per size."""
    rng = np.random.default_rng([seed, d, STREAMS[name]])
    f = make_target(config, name, d, rng)
    T = ball(rng, config.n_test, d)
    found = {method: np.empty(len(config.sizes)) for method in config.methods}
    for i, n in enumerate(config.sizes):
        X = ball(rng, n, d)
        y = f(X) + config.noise * rng.standard_normal(n)
        for method in config.methods:
            guess = METHODS[method](config, seed).fit(X, y).predict(T)
            found[method][i] = np.mean((guess - f(T)) ** 2)
    return found


def summarise(config: Config, key: str, found: list[dict[str, Array]]) -> dict:
    """Return slopes with intervals, and errors as geometric means over seeds."""
    numbers = {}
    for method in config.methods:
        E = np.array([one[method] for one in found])  # (seeds, sizes)
        slopes = [slope(config.sizes, row) for row in E]
        low, high = interval(slopes)
        name = f"{key}.{method}"
        numbers[f"{name}.slope"] = float(np.mean(slopes))
        numbers |= {f"{name}.slope_low": low, f"{name}.slope_high": high}
        for n, mse in zip(config.sizes, np.exp(np.log(E).mean(axis=0)), strict=True):
            numbers[f"{name}.mse{n}"] = float(mse)
        if method != "net":
            numbers |= ratio(f"{name}_over_net", found, method)
    return numbers


def ratio(name: str, found: list[dict[str, Array]], method: str) -> dict[str, float]:
    """Return the error of a method over the network's at the largest size."""
    logs = [np.log(one[method][-1] / one["net"][-1]) for one in found]
    low, high = np.exp(interval(logs))
    return {name: np.exp(np.mean(logs)), f"{name}_low": low, f"{name}_high": high}


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers = {}
    for name in config.targets:
        for d in config.dimensions:
            found = [errors(config, name, d, seed) for seed in range(config.seeds)]
            numbers |= summarise(config, f"{name}.d{d}", found)
    return {key: float(value) for key, value in numbers.items()}


def table(numbers: dict[str, float]) -> str:
    """Return one line per target, dimension and method."""
    lines = [
        "target, d  method  slope [95 %]          theory  first, last error  / net"
    ]
    for key in [k[: -len(".slope")] for k in numbers if k.endswith(".slope")]:
        low, high = numbers[f"{key}.slope_low"], numbers[f"{key}.slope_high"]
        name, dimension, method = key.split(".")
        rate = bound(name, method, int(dimension[1:]))
        mse = [v for k, v in numbers.items() if k.startswith(f"{key}.mse")]
        gap = numbers.get(f"{key}_over_net", 1.0)
        lines.append(
            f"{name:6} {dimension:3} {method:7} {numbers[f'{key}.slope']:6.2f} "
            f"[{low:5.2f}, {high:5.2f}]  {rate:6.2f}  "
            f"{mse[0]:.2e} {mse[-1]:.2e}  {gap:5.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
