"""Recall at equal bytes beside kvpress's scores, on one toy teacher.

``python benchmarks/attention_recall.py --kvpress PYTHON`` trains the two-layer teacher of
``experiments/lola_tier2``, measures it with LoLA, and hands teacher, sequences and budget
to PYTHON, the interpreter of an environment with kvpress (it pins another transformers).
Every method holds at most the bytes of LoLA with a window of 16 and a cache of 32, state
included, once the context has been read; kvpress holds all pairs while it reads it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from _harness import Bench
from splinear.attention.evaluation import MQARTask, compare, small_decoder
from splinear.attention.evaluation.budgets import kv_bytes
from splinear.attention.evaluation.recaller import make_recaller

WINDOW, CACHE, PAIRS, QUERIES, LENGTH = 16, 32, 16, 24, 256
FILLERS = (1, 16)
PEER = Path(__file__).with_name("peers") / "kvpress_recall.py"


def main():
    """Measure ours, then the peer, on the same sequences."""
    args = options()
    torch.set_num_threads(1)
    bench = Bench("attention_recall")
    for keys in ("free", "equal"):
        for seed in range(args.seeds):
            one_teacher(bench, args, keys, seed)
    bench.write()


def one_teacher(bench, args, keys, seed):
    """Add the rows of one teacher."""
    made = make_recaller(seed, equal_key_norms=keys == "equal")
    tasks = {n: MQARTask(LENGTH, PAIRS, QUERIES, n) for n in FILLERS}
    batches = {n: t.batch(args.rows, [seed, 4, n, PAIRS]) for n, t in tasks.items()}
    shared = {"keys": keys, "seed": seed}
    for n, batch in batches.items():
        found = compare(made.model, batch, WINDOW, CACHE)
        limit = found["wider window"].nbytes
        for method, outcome in found.items():
            share = {"recall": outcome.recall.token, "bytes": outcome.nbytes}
            bench.row(**shared, filler=str(n), method=method, **share)
    pairs = limit // kv_bytes(made.model, 1)
    for row in pressed(args.kvpress, made.model, keys, batches, pairs):
        full = row["method"] == "full KV"
        held = kv_bytes(made.model, LENGTH if full else pairs)
        bench.row(**shared, **row, bytes=held)


def pressed(python, model, keys, batches, pairs):
    """Return the rows of the peer, from its own environment."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        teacher(model, keys).save_pretrained(folder / "teacher")
        ids = {str(n): batch.ids.numpy() for n, batch in batches.items()}
        np.savez(folder / "batches.npz", **ids)
        budget = {"context": LENGTH, "pairs": int(pairs)}
        (folder / "budget.json").write_text(json.dumps(budget))
        subprocess.run([python, str(PEER), name], check=True)
        return json.loads((folder / "kvpress.json").read_text())


def teacher(model, keys):
    """Return the softmax model with the weights of a linearised one."""
    plain = small_decoder(model.config.vocab_size, equal_key_norms=keys == "equal")
    names = plain.state_dict().keys()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k in names})
    return plain


def options():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--kvpress", required=True, help="python of an environment with kvpress")
    add("--seeds", type=int, default=3)
    add("--rows", type=int, default=32)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
