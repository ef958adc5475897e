"""Do Gaussian weights become smooth and stable ones keep facets as the rate grows?"""

import sys
from pathlib import Path

import numpy as np

from splinear.processes import (
    CenteredBox,
    RandomReLUNetwork,
    RandomReLUProcess,
    SymmetricStable,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.realisations.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent


def process(index: float, rate: float) -> RandomReLUProcess:
    """Return the process of a rate whose limit has scale one (index 2: Gaussian)."""
    return RandomReLUProcess(2, 1.0, SymmetricStable(index)).at_rate(rate)


def square(config: Config) -> CenteredBox:
    return CenteredBox(np.full(2, config.half_width))


def dominance(net: RandomReLUNetwork, largest: int) -> float:
    """Return the part of the sum of squared weights that the largest few have."""
    squares = np.sort(net.weights**2)[::-1]
    return float(squares[:largest].sum() / squares.sum())


def flatness(net: RandomReLUNetwork, config: Config, rng: np.random.Generator) -> float:
    """Return how little the gradient changes in most places, over where it changes.

    The ratio of the median to the root mean square of its change over a distance: near
    one where it changes everywhere alike, near zero where the change is in creases.
    """
    inner = config.half_width - config.near
    X = rng.uniform(-inner, inner, (config.n_points, 2))
    angle = rng.uniform(0.0, 2.0 * np.pi, config.n_points)
    moved = X + config.near * np.column_stack([np.cos(angle), np.sin(angle)])
    change = np.linalg.norm(net.gradient(moved) - net.gradient(X), axis=1)
    return float(np.median(change) / np.sqrt(np.mean(change**2)))


def measure(config: Config, index: float, rate: float) -> dict[str, float]:
    """Return means over seeds for one law and rate, and the z of the width."""
    drawn, domain = process(index, rate), square(config)
    found = []
    for seed in range(config.seeds):
        rng = np.random.default_rng([seed, int(100 * index), int(rate)])
        net = drawn.sample(domain, rng)
        found.append(
            (
                net.n_neurons,
                dominance(net, config.largest),
                flatness(net, config, rng),
            )
        )
    width, dominant, flat = np.mean(found, axis=0)
    expected = drawn.expected_width(domain)
    z = (width - expected) / np.sqrt(expected / config.seeds)
    return {"width": width, "abs_z": abs(z), "dominance": dominant, "flatness": flat}


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers = {}
    for index in config.indices:
        for rate in config.rates:
            key = f"alpha{index:g}.rate{rate:g}"
            for name, value in measure(config, index, rate).items():
                numbers[f"{key}.{name}"] = float(value)
    return numbers


def table(numbers: dict[str, float]) -> str:
    """Return one line per law and rate."""
    lines = ["law, rate                width   |z|  dominance  flatness"]
    for key in [k[: -len(".width")] for k in numbers if k.endswith(".width")]:
        n = {
            k[len(key) + 1 :]: v for k, v in numbers.items() if k.startswith(f"{key}.")
        }
        lines.append(
            f"{key:22} {n['width']:7.0f} {n['abs_z']:5.1f} {n['dominance']:10.3f} "
            f"{n['flatness']:9.3f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
