"""Recall of kvpress's scores: run by ``attention_recall.py`` in an environment of its own.

``python kvpress_recall.py FOLDER`` reads teacher/ (a model), batches.npz and budget.json
there and writes kvpress.json. A press drops pairs once, after the context has been read
exactly: while it reads, it holds all of them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from kvpress import KnormPress, SnapKVPress, StreamingLLMPress
from transformers import AutoModelForCausalLM, DynamicCache


def presses(ratio, context):
    window = min(16, context // 2)
    return {
        "kvpress SnapKV": SnapKVPress(compression_ratio=ratio, window_size=window),
        "kvpress StreamingLLM": StreamingLLMPress(compression_ratio=ratio, n_sink=4),
        "kvpress Knorm": KnormPress(compression_ratio=ratio),
        "full KV": None,
    }


@torch.no_grad()
def recall(model, press, ids, context):
    """Return the share of right answers, asked for one after the other in one pass."""
    cache = DynamicCache()
    if press is None:
        model(ids[:, :context], past_key_values=cache)
    else:
        with press(model):
            model(ids[:, :context], past_key_values=cache)
    rest = ids[:, context:]
    places = torch.arange(context, ids.shape[1]).expand(len(ids), -1)
    logits = model(rest, past_key_values=cache, position_ids=places).logits
    right = logits[:, ::2].argmax(-1) == rest[:, 1::2]
    return right.float().mean().item(), cache.get_seq_length()


def main(folder):
    budget = json.loads((folder / "budget.json").read_text())
    model = AutoModelForCausalLM.from_pretrained(folder / "teacher").eval()
    batches = np.load(folder / "batches.npz")
    context, pairs = budget["context"], budget["pairs"]
    rows = []
    for name in batches.files:
        ids = torch.from_numpy(batches[name])
        for method, press in presses(1.0 - pairs / context, context).items():
            share, _ = recall(model, press, ids, context)
            rows.append({"filler": name, "method": method, "recall": share})
    (folder / "kvpress.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main(Path(sys.argv[1])))
