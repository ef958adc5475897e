"""The figures: from above by the norm of the gradient, and as surfaces.

``python experiments/realisations/draw.py`` writes two pictures beside the numbers.
"""

import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments._record import digest
from experiments.realisations.config import CONFIGS, Config
from experiments.realisations.run import HERE, process, square

from splinear.processes import plot_realisation

PIXELS = {"gradient": 400, "surface": 100}


def draw(config: Config, kind: Any) -> Figure:
    """Return one panel per law (rows) and rate (columns)."""
    shape = len(config.indices), len(config.rates)
    figure = Figure(figsize=(3.4 * shape[1], 3.0 * shape[0]), layout="constrained")
    options = {"projection": "3d"} if kind == "surface" else {}
    panels = figure.subplots(*shape, squeeze=False, subplot_kw=options)
    for row, index in zip(panels, config.indices, strict=True):
        for panel, rate in zip(row, config.rates, strict=True):
            net = process(index, rate).sample(square(config), random_state=0)
            plot_realisation(net, panel, kind=kind, pixels=PIXELS[kind])
            panel.set_title(f"alpha {index:g}, rate {rate:g}", fontsize=9)
    return figure


if __name__ == "__main__":
    config = CONFIGS["full"]
    folder = HERE / "results" / digest(config)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in PIXELS:
        path = folder / f"{kind}.png"
        draw(config, kind).savefig(path, dpi=110)
        print(path)
