"""How fast does the error fall with the number of rows, beside a tuned kernel?"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, KFold

from splinear import ShallowNetRegressor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import interval, main, slope
from experiments.estimation_rates.config import CONFIGS, Config
from experiments.estimation_rates.targets import Array, ball, bump, ridges

HERE = Path(__file__).resolve().parent


def theory(d: int) -> float:
    """Exponent of the worst function of the space, for the best estimator."""
    return -(d + 3) / (2 * d + 3)


def theory_linear(d: int) -> float:
    """Exponent of the worst function of the space, for the best linear method."""
    return -3 / (d + 3)


def net(config: Config, seed: int) -> ShallowNetRegressor:
    return ShallowNetRegressor(
        alpha="auto",
        scaling="none",
        tol=config.tol,
        n_starts=config.n_starts,
        random_state=seed,
    )


def kernel(config: Config, seed: int) -> GridSearchCV:
    grid = {"gamma": list(config.gammas), "alpha": list(config.alphas)}
    folds = KFold(config.folds, shuffle=True, random_state=seed)
    ridge = KernelRidge(kernel="rbf")
    return GridSearchCV(ridge, grid, cv=folds, scoring="neg_mean_squared_error")


METHODS = {"net": net, "kernel": kernel}


def make_target(
    config: Config, name: str, d: int, rng: np.random.Generator
) -> Callable[[Array], Array]:
    """Return the target of one seed, scaled to standard deviation one."""
    raw = (
        ridges(rng, d, config.n_ridges) if name == "ridges" else bump(config.bump_width)
    )
    values = raw(ball(rng, 10_000, d))
    centre, spread = values.mean(), values.std()
    return lambda X: (raw(X) - centre) / spread


def errors(config: Config, name: str, d: int, seed: int) -> dict[str, Array]:
    """Return each method's error against the noiseless target, one per size."""
    rng = np.random.default_rng([seed, d, config.targets.index(name)])
    f = make_target(config, name, d, rng)
    T = ball(rng, config.n_test, d)
    found = {method: np.empty(len(config.sizes)) for method in METHODS}
    for i, n in enumerate(config.sizes):
        X = ball(rng, n, d)
        y = f(X) + config.noise * rng.standard_normal(n)
        # The kernel has no free constant: targets are centred, so it needs none.
        for method, make in METHODS.items():
            guess = make(config, seed).fit(X, y).predict(T)
            found[method][i] = np.mean((guess - f(T)) ** 2)
    return found


def summarise(config: Config, key: str, found: list[dict[str, Array]]) -> dict:
    """Return slopes with intervals, and errors as geometric means over seeds."""
    numbers = {}
    for method in METHODS:
        E = np.array([one[method] for one in found])  # (seeds, sizes)
        slopes = [slope(config.sizes, row) for row in E]
        low, high = interval(slopes)
        numbers[f"{key}.{method}.slope"] = float(np.mean(slopes))
        numbers[f"{key}.{method}.slope_low"] = low
        numbers[f"{key}.{method}.slope_high"] = high
        for n, mse in zip(config.sizes, np.exp(np.log(E).mean(axis=0)), strict=True):
            numbers[f"{key}.{method}.mse{n}"] = float(mse)
    last = [np.log(one["kernel"][-1] / one["net"][-1]) for one in found]
    numbers[f"{key}.ratio"] = float(np.exp(np.mean(last)))
    numbers[f"{key}.ratio_low"], numbers[f"{key}.ratio_high"] = np.exp(interval(last))
    return numbers


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers = {}
    for name in config.targets:
        for d in config.dimensions:
            found = [errors(config, name, d, seed) for seed in range(config.seeds)]
            numbers |= summarise(config, f"{name}.d{d}", found)
    return {key: float(value) for key, value in numbers.items()}


def table(numbers: dict[str, float]) -> str:
    lines = ["target, d  method  slope [95 %]             theory  first and last error"]
    for key in [k[: -len(".slope")] for k in numbers if k.endswith(".slope")]:
        low, high = numbers[f"{key}.slope_low"], numbers[f"{key}.slope_high"]
        place, method = key.rsplit(".", 1)
        d = int(place.rsplit("d", 1)[1])
        rate = theory(d) if method == "net" else theory_linear(d)
        mse = [v for k, v in numbers.items() if k.startswith(f"{key}.mse")]
        lines.append(
            f"{place:10} {method:7} {numbers[f'{key}.slope']:6.2f} "
            f"[{low:5.2f}, {high:5.2f}]   {rate:14.2f}  {mse[0]:.2e} {mse[-1]:.2e}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
