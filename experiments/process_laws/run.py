"""Do regions, kurtosis, zeros and stable laws come out as the formulas say?"""

import math
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splinear.processes import (
    CenteredBall,
    CenteredBox,
    RandomReLUProcess,
    SymmetricStable,
    count_linear_regions,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.process_laws.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
Array = NDArray[np.float64]


def z(draws: Array, expected: float) -> float:
    return abs(float((draws.mean() - expected) / (draws.std() / math.sqrt(len(draws)))))


def regions(config: Config) -> dict[str, float]:
    """Count regions of realisations; the z of their mean."""
    numbers = {}
    cases = [("disc", CenteredBall(1.0), rate) for rate in config.disc]
    cases += [("square", CenteredBox(np.ones(2)), rate) for rate in config.square]
    for name, domain, rate in cases:
        process = RandomReLUProcess(2, rate)
        rng = np.random.default_rng([config.seed, int(100 * rate), len(name)])
        counts = np.array(
            [
                count_linear_regions(process.sample(domain, rng))
                for _ in range(config.region_draws)
            ]
        )
        expected = process.expected_linear_regions(domain)
        key = f"regions.{name}.rate{rate:g}"
        numbers |= {f"{key}.expected": expected, f"{key}.mean": float(counts.mean())}
        numbers[f"{key}.z"] = z(counts, expected)
    return numbers


def kurtosis(config: Config) -> dict[str, float]:
    """Compare the fourth cumulant and the share of zeros; the kurtosis in numbers.

    ``s^4 - 6 kappa_2 s^2`` has the mean kappa_4 - 3 kappa_2^2, a mean of independent
    draws; a ratio of sample moments would be biased.
    """
    numbers = {}
    for d in config.dimensions:
        for rate in config.rates:
            process, x = RandomReLUProcess(d, rate), config.radius * np.eye(d)[:1]
            rng = np.random.default_rng([config.seed, d, int(100 * rate)])
            s = process.simulate(x, config.draws, rng)[:, 0]
            two, four = process.variance(x)[0], process.cumulant(x, 4)[0]
            key = f"kurtosis.d{d}.rate{rate:g}"
            numbers[f"{key}.expected"] = float(process.excess_kurtosis(x)[0])
            numbers[f"{key}.seen"] = float(np.mean(s**4) / np.mean(s**2) ** 2 - 3.0)
            numbers[f"{key}.z"] = z(s**4 - 6.0 * two * s**2, four - 3.0 * two**2)
            zero = float(process.zero_probability(x)[0])
            if zero * config.draws > 10.0:  # else the normal law of a share is far
                numbers[f"zeros.d{d}.rate{rate:g}.z"] = z(
                    (s == 0.0).astype(float), zero
                )
    return numbers


def stable(config: Config) -> dict[str, float]:
    """Compare E cos(xi s), and the growth of the median with the distance."""
    numbers, x = {}, np.array([[config.radius, 0.0], [0.0, config.radius / 2]])
    start = RandomReLUProcess(2, 1.0, SymmetricStable(config.alpha))
    for rate in config.stable_rates:
        process = start.at_rate(rate)
        rng = np.random.default_rng([config.seed, 7, int(rate)])
        s = process.simulate(x, max(1000, int(config.draws / max(rate, 4.0))), rng)
        for xi in config.frequencies:
            expected = np.exp(process.log_characteristic_function(xi, x[0]))
            key = f"stable.rate{rate:g}.xi{xi:g}"
            numbers[f"{key}.z"] = z(np.cos(xi * s[:, 0]), float(expected))
        far, near = np.median(np.abs(s), axis=0)
        numbers[f"stable.rate{rate:g}.median_ratio"] = float(far / near)
    return numbers


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers = regions(config) | kurtosis(config) | stable(config)
    for group in ("regions", "kurtosis", "zeros", "stable"):
        found = [
            v for k, v in numbers.items() if k.startswith(group) and k.endswith(".z")
        ]
        numbers[f"{group}.largest_z"] = max(found)
    return numbers


def table(numbers: dict[str, float]) -> str:
    """Return one line per comparison."""
    lines = [f"{'comparison':32} {'expected':>10} {'seen':>10}     |z|"]
    for key in [k[: -len(".z")] for k in numbers if k.endswith(".z")]:
        expected = numbers.get(f"{key}.expected", math.nan)
        seen = numbers.get(f"{key}.mean", numbers.get(f"{key}.seen", math.nan))
        z = numbers[f"{key}.z"]
        lines.append(f"{key:32} {expected:10.4f} {seen:10.4f} {z:7.2f}")
    lines += [f"{k:43} {v:10.4f}" for k, v in numbers.items() if k.endswith("ratio")]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
