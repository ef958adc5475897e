"""Which score recalls most at equal bytes, over filler types and key norms?"""

import math
import sys
from pathlib import Path

import numpy as np
import torch

from splinear.attention.evaluation import MQARTask, compare
from splinear.attention.evaluation.recaller import make_recaller

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.lola_tier2.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
DEFAULT = "salient_recall_error"
#: What the default score is held against, and by how much it must win (points).
MARGINS = {"no cache": 25.0, "random": 15.0, "wider window": 15.0}


def cell_key(keys: str, n_fillers: int, cache: int, pairs: int) -> str:
    return f"{keys}.F{n_fillers}.cache{cache}.pairs{pairs}"


def one_seed(config: Config, seed: int, keys: str) -> dict[str, float]:
    """Train one teacher, convert it, and measure all cells."""
    made = make_recaller(
        seed,
        equal_key_norms=keys == "equal",
        window_size=config.window,
        transfer_steps=config.transfer_steps,
        last=config.last,
        fillers=config.fillers,
    )
    numbers = {
        f"{keys}.F{n}.teacher": 100.0 * share for n, share in made.teacher.items()
    }
    length, _, n_queries, _ = config.last
    for n_fillers in config.fillers:
        for cache, pairs in config.cells:
            task = MQARTask(length, pairs, n_queries, n_fillers)
            batch = task.batch(config.rows, [seed, 4, n_fillers, pairs])
            found = compare(made.model, batch, config.window, cache)
            key = cell_key(keys, n_fillers, cache, pairs)
            for name, outcome in found.items():
                numbers[f"{key}.{name}"] = 100.0 * outcome.recall.token
                numbers[f"{key}.{name}.first"] = 100.0 * outcome.recall.first
                numbers[f"{key}.{name}.bytes"] = float(outcome.nbytes)
    return numbers


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Means and standard errors over the seeds."""
    numbers = {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        numbers[name] = float(values.mean())
        if len(runs) > 1 and not name.endswith(".bytes"):
            numbers[f"{name}.se"] = float(values.std(ddof=1) / math.sqrt(len(values)))
    return numbers


def verdicts(
    config: Config, runs: list[dict[str, float]], numbers: dict[str, float]
) -> dict[str, float]:
    """The least margins of the default score, over kinds of keys and filler.

    At the first cell, the task as specified.  "score" is the lead over the best other
    score in standard errors of the paired differences; a tie is 0.
    """
    found: dict[str, float] = {}
    cache, pairs = config.cells[0]
    for keys in config.keys:
        for n_fillers in config.fillers:
            key = cell_key(keys, n_fillers, cache, pairs)
            own = np.array([run[f"{key}.{DEFAULT}"] for run in runs])
            for name in other_names(numbers, key):
                lead = own - np.array([run[f"{key}.{name}"] for run in runs])
                if name in MARGINS:
                    entry, value = f"lead over {name}", float(lead.mean())
                    found[entry] = min(found.get(entry, math.inf), value)
                entry, value = "lead over any score, z", z_of(lead)
                found[entry] = min(found.get(entry, math.inf), value)
                found["lead over any score"] = min(
                    found.get("lead over any score", math.inf), float(lead.mean())
                )
    return found


def z_of(lead: np.ndarray) -> float:
    """A mean in standard errors over the seeds; of the questions where one seed is all.

    One answer in the 768 of a seed is the least difference that can be seen.
    """
    if len(lead) == 1:
        return float(lead[0] / (100.0 * math.sqrt(2.0 * 0.25 / 768.0)))
    spread = float(lead.std(ddof=1)) / math.sqrt(len(lead))
    return float(lead.mean()) / max(spread, 100.0 / 768.0)


def other_names(numbers: dict[str, float], key: str) -> list[str]:
    """Names of all arms of a cell but the default and the oracle."""
    start = f"{key}."
    ends = (".first", ".bytes", ".se")
    names = [k.removeprefix(start) for k in numbers if k.startswith(start)]
    return [n for n in names if not n.endswith(ends) and n not in (DEFAULT, "oracle")]


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    torch.set_num_threads(1)
    runs = []
    for seed in config.seeds:
        found: dict[str, float] = {}
        for keys in config.keys:
            found |= one_seed(config, seed, keys)
        runs.append(found)
    numbers = summary(runs)
    return numbers | verdicts(config, runs, numbers)


def table(numbers: dict[str, float]) -> str:
    """Return one line per cell, one column per arm: mean and standard error."""
    keys = sorted(
        {k.rpartition(".oracle")[0] for k in numbers if k.endswith(".oracle")}
    )
    arms = ["no cache", "wider window", *other_names(numbers, keys[0])[2:], DEFAULT]
    lines = [f"{'cell':28} " + " ".join(f"{a[:12]:>12}" for a in [*arms, "oracle"])]
    for key in keys:
        shown = [
            f"{numbers[f'{key}.{a}']:6.1f} ±{numbers.get(f'{key}.{a}.se', 0.0):4.1f}"
            for a in [*arms, "oracle"]
        ]
        lines.append(f"{key:28} " + " ".join(f"{s:>12}" for s in shown))
    lines += [f"{k}: {v:.1f}" for k, v in numbers.items() if "teacher" in k]
    lines += [f"{k}: {v:.2f}" for k, v in numbers.items() if k.startswith("lead")]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
