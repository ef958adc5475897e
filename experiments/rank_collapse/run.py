"""Where does weight decay collapse the rank, and does it jump from depth 3 on?

The closed form says where and by how much; L-BFGS from random starts, which knows
nothing of it, must find the same minima on both sides.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from splinear.factorization import (
    DeepMatrixFactorization,
    RegularizedMatrixFactorization,
    rank_breakpoints,
    regularization_path,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.rank_collapse.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
Array = NDArray[np.float64]


def target(config: Config) -> Array:
    """Return a matrix of the given singular values in random frames."""
    rng, n = np.random.default_rng(config.seed), len(config.singular_values)
    U, V = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    return (U * config.singular_values) @ V.T


def jumps(config: Config, M: Array, L: int) -> tuple[float, bool]:
    """Return the largest distance of a jump from its share, and whether ranks fall.

    At the breakpoint of sigma_j its value jumps from (L-2)/(L-1) sigma_j to zero.
    """
    breaks = rank_breakpoints(M, L)
    below = regularization_path(M, L, breaks * (1.0 - config.beside))
    above = regularization_path(M, L, breaks * (1.0 + config.beside))
    n = len(breaks)
    ranks = np.array_equal(below.ranks, np.arange(n) + 1) and np.array_equal(
        above.ranks, np.arange(n)
    )
    sigma = np.array(config.singular_values)
    j = np.arange(n)
    seen = (below.singular_values[j, j] - above.singular_values[j, j]) / sigma
    return float(np.abs(seen - (L - 2.0) / (L - 1.0)).max()), ranks


def search(config: Config, M: Array, L: int, lam: float) -> tuple[float, int]:
    """Return the best objective of L-BFGS from random starts, and the rank there."""
    n = len(M)
    rng = np.random.default_rng(config.seed)

    def at(x: Array) -> DeepMatrixFactorization:
        return DeepMatrixFactorization(list(x.reshape(L, n, n)), M, weight_decay=lam)

    def value(x: Array) -> tuple[float, Array]:
        net = at(x)
        return net.loss(), net.flatten(net.gradient())

    options = {"maxiter": 3000, "ftol": 1e-15, "gtol": 1e-9}
    best = None
    for _ in range(config.starts):
        x = rng.normal(size=L * n * n) / np.sqrt(n)
        found = minimize(value, x, jac=True, method="L-BFGS-B", options=options)
        best = found if best is None or found.fun < best.fun else best
    assert best is not None
    s = np.linalg.svd(at(best.x).end_to_end(), compute_uv=False)
    return float(best.fun), int(np.sum(s > 1e-3))


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    M, numbers = target(config), {}
    for L in config.depths:
        off, fall = jumps(config, M, L)
        numbers[f"L{L}.jump_off_theory"] = off
        numbers[f"L{L}.ranks_fall_by_one"] = float(fall)
        first = float(rank_breakpoints(M, L)[0])
        numbers[f"L{L}.collapse_at"] = first
        for side, factor in (("below", 1.0), ("above", -1.0)):
            lam = first * (1.0 - factor * config.search_beside)
            model = RegularizedMatrixFactorization(L, lam).fit(M)
            best, rank = search(config, M, L, lam)
            numbers[f"L{L}.{side}.searched_rank_off"] = float(abs(rank - model.rank_))
            numbers[f"L{L}.{side}.excess"] = best / model.objective_ - 1.0
    excesses = [value for name, value in numbers.items() if name.endswith("excess")]
    ranks = [value for name, value in numbers.items() if name.endswith("rank_off")]
    numbers["largest_excess"] = max(excesses)
    numbers["least_excess"] = min(excesses)
    numbers["ranks_off"] = max(ranks)
    numbers["jump_off_theory"] = max(
        value for name, value in numbers.items() if name.endswith("jump_off_theory")
    )
    numbers["ranks_fall_by_one"] = min(
        value for name, value in numbers.items() if name.endswith("ranks_fall_by_one")
    )
    return numbers


def table(numbers: dict[str, float]) -> str:
    lines = [
        "depth   collapse at   jump off theory   search / closed form - 1: below  above"
    ]
    for key in [
        k[: -len(".collapse_at")] for k in numbers if k.endswith("collapse_at")
    ]:
        one = {
            name: numbers[f"{key}.{name}"]
            for name in ("collapse_at", "jump_off_theory")
        }
        sides = [numbers[f"{key}.{side}.excess"] for side in ("below", "above")]
        lines.append(
            f"{key:7} {one['collapse_at']:11.6f} {one['jump_off_theory']:17.1e} "
            f"{sides[0]:31.1e} {sides[1]:6.1e}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
