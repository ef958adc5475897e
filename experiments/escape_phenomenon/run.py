"""Does gradient descent leave a minimum exactly when its step is above 2 / sharpness?"""

import sys
from pathlib import Path

import numpy as np

from splinear.factorization import (
    DeepMatrixFactorization,
    EscapeRun,
    flattest_sharpness,
    simulate_escape,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.escape_phenomenon.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
MINIMA = {
    "scalar": [[[2.0]], [[0.5]]],
    "vector": [[[1.0], [2.0]], [[1.0, 0.0], [1.0, 1.0]], [[1.0, -1.0]]],
    "square": [[[1, 2], [0, 1]], [[1, 0], [1, 1]], [[2, 0], [-1, 1]]],
    "wide": [[[1, 2], [0, 1], [1, 0]], [[1, 0, -1], [2, 1, 0]]],
}


def minima(config: Config) -> dict[str, list]:
    """Return layers by name; those without a name are Gaussian."""
    named = {name: MINIMA[name] for name in config.minima}
    rng = np.random.default_rng(0)
    drawn = {
        f"random{i}": list(rng.normal(size=(3, 3, 3)))
        for i in range(config.random_minima)
    }
    return named | drawn


def go(config: Config, weights: list, rho: float) -> EscapeRun:
    """Run from beside a minimum at `rho` times its largest stable step."""
    step = rho * DeepMatrixFactorization(weights).max_stable_step_size()
    return simulate_escape(
        weights,
        step,
        config.n_steps,
        radius=config.radius,
        threshold=config.threshold,
        record=("distance",),
    )


def stable_somewhere(weights: list, rho: float) -> bool:
    """Whether the flattest minimum of the product is stable at this step."""
    net = DeepMatrixFactorization(weights)
    least = flattest_sharpness(net.target, net.depth)
    return rho * least < net.sharpness().value


def ending(config: Config, found: EscapeRun) -> str:
    """Return how a run ended: at a minimum, or as the trajectory says."""
    loss = found.trajectory.loss
    if found.trajectory.ending == "diverged":
        return "diverged"
    return "at a minimum" if loss[-1] <= config.near * loss.max() else "wandering"


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    numbers: dict[str, float] = {}
    late, ends, returned, endings = [0.0], [0.0], [], []
    for name, weights in minima(config).items():
        for rho in config.returns:
            found = go(config, weights, rho)
            returned.append(found.time is None)
        for rho in config.escapes:
            if not stable_somewhere(weights, rho):
                continue  # nothing to settle at
            found = go(config, weights, rho)
            time = np.inf if found.time is None else found.time
            late.append(abs(time - found.predicted_time))
            endings.append(ending(config, found))
            if endings[-1] == "at a minimum":
                ends.append(found.final_sharpness * rho / found.sharpness)
            if name in MINIMA:
                numbers[f"{name}.rho{rho}.time"] = float(time)
                numbers[f"{name}.rho{rho}.end"] = found.final_sharpness
    numbers["returns"] = float(np.mean(returned))
    numbers["steps_off_prediction"] = max(late)
    numbers["final_sharpness_over_limit"] = max(ends)
    numbers["escapes"] = float(len(endings))
    numbers["at_a_minimum"] = endings.count("at a minimum") / len(endings)
    return numbers


def table(numbers: dict[str, float]) -> str:
    lines = ["minimum, step / largest stable      first passage   final sharpness"]
    for key in [k[: -len(".time")] for k in numbers if k.endswith(".time")]:
        time, end = numbers[f"{key}.time"], numbers[f"{key}.end"]
        lines.append(f"{key:34} {time:14.0f} {end:17.4f}")
    for key in (
        "escapes",
        "at_a_minimum",
        "returns",
        "steps_off_prediction",
    ):
        lines.append(f"{key:34} {numbers[key]:14.3f}")
    share = numbers["final_sharpness_over_limit"]
    lines.append(f"{'final sharpness / (2 / step)':34} {share:14.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
