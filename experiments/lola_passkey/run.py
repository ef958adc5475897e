"""Byte-level pass-key: accuracy against depth and length, with and without the cache."""

import math
import sys
from pathlib import Path

import torch

from splinear.attention.config import LoLAConfig
from splinear.attention.evaluation import PasskeyTask, compare, kv_bytes, measure
from splinear.attention.evaluation.passkey_model import convert, train_byte_llama

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import main
from experiments.lola_passkey.config import CONFIGS, Config

HERE = Path(__file__).resolve().parent
DEFAULT = "salient_recall_error"
CHUNK_OF_ROWS = 10


def cells(config: Config):
    """Yield (name, batch) for each length, kind and depth."""
    for length in config.lengths:
        for kind in config.kinds:
            for depth in config.depths:
                task = PasskeyTask(length, kind, n_digits=config.n_digits)
                stream = [config.seed, 4, length, int(100 * depth)]
                batch = task.batch(config.rows, stream, depth)
                yield f"{length}.{kind}.depth{100 * depth:.0f}", batch


def softmax(config: Config, model) -> dict[str, float]:
    """The teacher, asked before it is converted: exact matches and bytes of full KV."""
    numbers = {}
    for name, batch in cells(config):
        found = measure(model, batch, rows=CHUNK_OF_ROWS)
        numbers[f"{name}.softmax"] = 100.0 * found.exact
        numbers[f"{name}.softmax.byte"] = 100.0 * found.token
    for length in config.lengths:
        numbers[f"{length}.softmax.bytes"] = float(kv_bytes(model, length))
    return numbers


def lola(config: Config, model) -> dict[str, float]:
    """Every arm of the budget."""
    numbers = {}
    for name, batch in cells(config):
        found = compare(model, batch, config.window, config.cache, config.scores)
        for arm, outcome in found.items():
            numbers[f"{name}.{arm}"] = 100.0 * outcome.recall.exact
            numbers[f"{name}.{arm}.byte"] = 100.0 * outcome.recall.token
            length = name.partition(".")[0]
            numbers[f"{length}.{arm}.bytes"] = float(outcome.nbytes)
    return numbers


def over_depths(config: Config, numbers: dict[str, float]) -> dict[str, float]:
    """Means over the depths, and the least leads of the default score over them."""
    means: dict[str, float] = {}
    least: dict[str, float] = {}
    start = f"{config.lengths[0]}.{config.kinds[0]}.depth{100 * config.depths[0]:.0f}."
    arms = [k.removeprefix(start) for k in numbers if k.startswith(start)]
    for length in config.lengths:
        for kind in config.kinds:
            for arm in arms:
                shares = [
                    numbers[f"{length}.{kind}.depth{100 * d:.0f}.{arm}"]
                    for d in config.depths
                ]
                means[f"{length}.{kind}.{arm}"] = sum(shares) / len(shares)
            own = means[f"{length}.{kind}.{DEFAULT}.byte"]
            for arm in ("no cache", "random", "wider window"):
                lead = own - means[f"{length}.{kind}.{arm}.byte"]
                name = f"lead over {arm}, bytes"
                least[name] = min(least.get(name, math.inf), lead)
    return means | least


def run(config: Config) -> dict[str, float]:
    """Return all numbers of a configuration, by name."""
    torch.set_num_threads(1)
    model, stages = train_byte_llama(
        config.curriculum,
        kinds=config.kinds,
        n_digits=config.n_digits,
        n_layers=config.n_layers,
        seed=config.seed,
    )
    numbers = {"training.steps": float(sum(steps for steps, _ in stages))}
    numbers |= softmax(config, model)
    settings = LoLAConfig(
        window_size=config.window,
        sparse_cache_size=config.cache,
        chunk_size=config.chunk,
        feature_dim=32,
    )
    convert(
        model,
        settings,
        length=config.transfer_length,
        rows=config.transfer_rows,
        steps=config.transfer_steps,
        kinds=config.kinds,
        n_digits=config.n_digits,
        seed=config.seed,
    )
    numbers |= lola(config, model)
    return numbers | over_depths(config, numbers)


def table(numbers: dict[str, float]) -> str:
    """Return per length and kind: exact matches in per cent, mean over the depths."""
    ends = (".bytes", ".byte")
    plain = [k for k in numbers if "depth" not in k and not k.endswith(ends)]
    means = [k for k in plain if k.count(".") == 2]
    arms = list(dict.fromkeys(k.split(".")[2] for k in means))
    lines = [f"{'length, kind':16}" + "".join(f"{arm[:12]:>14}" for arm in arms)]
    for cell in dict.fromkeys(k.rpartition(".")[0] for k in means):
        shown = "".join(f"{numbers[f'{cell}.{arm}']:14.1f}" for arm in arms)
        lines.append(f"{cell:16}" + shown)
    for length in dict.fromkeys(k.split(".")[0] for k in means):
        shown = "".join(f"{numbers[f'{length}.{arm}.bytes']:14,.0f}" for arm in arms)
        lines.append(f"{length + ', bytes':16}" + shown)
    return "\n".join(
        [*lines, *(f"{k}: {numbers[k]:.1f}" for k in plain if k not in means)]
    )


if __name__ == "__main__":
    sys.exit(main(HERE, CONFIGS, run, table))
