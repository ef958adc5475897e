"""The figure: exact matches against depth, one panel per length, with the bytes held.

``python experiments/lola_passkey/draw.py [--small]`` reads the recorded numbers of a
run and writes a picture beside them.
"""

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import digest
from experiments.lola_passkey.config import CONFIGS, Config
from experiments.lola_passkey.run import DEFAULT, HERE

ARMS = {
    "softmax": ("softmax, full KV", "black", "--"),
    DEFAULT: ("LoLA, default score", "tab:blue", "-"),
    "self_recall_error": ("LoLA, paper's score", "tab:orange", "-"),
    "wider window": ("wider window, equal bytes", "tab:green", "-"),
    "no cache": ("no cache", "tab:red", "-"),
}


def draw(config: Config, numbers: dict[str, float]) -> Figure:
    """Return one panel per kind of haystack (rows) and length (columns)."""
    shape = len(config.kinds), len(config.lengths)
    figure = Figure(
        figsize=(3.2 * shape[1], 2.6 * shape[0] + 0.8), layout="constrained"
    )
    panels = figure.subplots(*shape, squeeze=False, sharey=True)
    for row, kind in zip(panels, config.kinds, strict=True):
        for panel, length in zip(row, config.lengths, strict=True):
            draw_cell(panel, config, numbers, kind, length)
    panels[0][0].set_ylabel("exact matches, %")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def draw_cell(panel, config: Config, numbers, kind: str, length: int) -> None:
    for arm, (label, color, line) in ARMS.items():
        shares = [
            numbers[f"{length}.{kind}.depth{100 * depth:.0f}.{arm}"]
            for depth in config.depths
        ]
        panel.plot(
            config.depths, shares, line, color=color, marker="o", ms=3, label=label
        )
    held = numbers[f"{length}.{DEFAULT}.bytes"] / 2**10
    full = numbers[f"{length}.softmax.bytes"] / 2**10
    panel.set_title(
        f"{kind}, {length} bytes\nLoLA {held:,.0f} KiB, full KV {full:,.0f} KiB",
        fontsize=9,
    )
    panel.set(xlabel="depth of the needle", ylim=(-4, 104))


if __name__ == "__main__":
    config = CONFIGS["small" if "--small" in sys.argv else "full"]
    folder = HERE / "results" / digest(config)
    record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    path = folder / "passkey.png"
    draw(config, record["numbers"]).savefig(path, dpi=110)
    print(path)
