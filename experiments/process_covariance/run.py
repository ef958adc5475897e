"""Is the closed-form covariance that of simulation, and is the published one not?"""

import math
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splinear.processes import RandomReLUProcess

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.process_covariance.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
Array = NDArray[np.float64]


def published_over_ours(d: int) -> float:
    """Return Gamma(-3/2) / (2^(d+3) pi^(d/2) Gamma((d+3)/2)) over our constant."""
    printed = 4.0 * math.sqrt(math.pi) / 3.0
    printed /= 2.0 ** (d + 3) * math.pi ** (d / 2) * math.gamma((d + 3) / 2)
    ours = math.pi ** ((d - 1) / 2) / (6.0 * math.gamma((d + 3) / 2))
    return printed / ours


def points(config: Config, d: int) -> Array:
    """Return two points; on the line both are on one side of the origin."""
    x, y = np.zeros(d), np.zeros(d)
    x[0], y[0] = config.radii
    if d > 1:
        y[:2] = config.radii[1] * np.array(
            [config.cosine, (1 - config.cosine**2) ** 0.5]
        )
    return np.array([x, y])


def z(draws: Array, expected: float) -> float:
    return float((draws.mean() - expected) / (draws.std() / math.sqrt(len(draws))))


def measure(config: Config, d: int) -> dict[str, float]:
    """Return the largest |z| against our constant, the least against the printed."""
    process, X = RandomReLUProcess(d, config.rate), points(config, d)
    s = process.simulate(X, config.draws, np.random.default_rng([config.seed, d]))
    C, printed = process.covariance(X), published_over_ours(d)
    found = {"mean": abs(z(s[:, 0], 0.0))}
    for i, j in ((0, 0), (0, 1), (1, 1)):
        products = s[:, i] * s[:, j]
        found[f"c{i}{j}"] = abs(z(products, C[i, j]))
        found[f"printed{i}{j}"] = abs(z(products, printed * C[i, j]))
    ours = max(v for k, v in found.items() if not k.startswith("printed"))
    theirs = min(v for k, v in found.items() if k.startswith("printed"))
    return {"largest_z": ours, "least_z_of_printed": theirs, **found}


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    return {
        f"d{d}.{name}": value
        for d in config.dimensions
        for name, value in measure(config, d).items()
    }


def table(numbers: dict[str, float]) -> str:
    """Return one line per dimension."""
    lines = ["d   largest |z|, ours   least |z|, printed constant"]
    for key in [k.partition(".")[0] for k in numbers if k.endswith(".largest_z")]:
        lines.append(
            f"{key[1:]:3} {numbers[f'{key}.largest_z']:17.2f} "
            f"{numbers[f'{key}.least_z_of_printed']:25.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
