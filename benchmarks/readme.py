"""Put the headline rows of the results into the README, between its two marks.

``python benchmarks/readme.py`` rewrites; ``--check`` fails if that would change it.
"""

import json
import sys
from pathlib import Path

from _harness import RESULTS, caption, shown

README = Path(__file__).resolve().parents[1] / "README.md"
MARKS = "<!-- RESULTS -->\n", "<!-- /RESULTS -->"

#: Area -> which of its rows go into the README, and their columns.
AREAS = {
    "univariate": (
        lambda row: "ratio" in row,
        ("task", "n", "method", "ratio", "limit", "gap"),
    ),
    "shallow_prediction": (
        lambda row: "rmse" in row,
        ("set", "method", "masks", "rmse_in_sd", "relative_to_ours", "seconds", "size"),
    ),
    "shallow_objective": (
        lambda row: "excess" in row,
        ("task", "n", "d", "method", "excess", "neurons", "seconds_ratio"),
    ),
    "shallow_optimality": (
        lambda row: True,
        ("d", "n", "loss", "neurons", "kkt_residual", "fresh_starts", "violation"),
    ),
    "multitask": (
        lambda row: "ratio" in row,
        ("task", "ratio", "limit", "difference", "relative_gap"),
    ),
    "factorization": (
        lambda row: "ratio" in row,
        ("task", "method", "ratio", "limit", "relative_error", "tol"),
    ),
    "processes": (
        lambda row: True,
        (
            "task",
            "neurons",
            "points",
            "over_product",
            "limit_product",
            "numpy_over_ours",
            "limit_numpy",
            "memory_mib",
        ),
    ),
    "attention": (
        lambda row: "limit" in row and row["limit"],
        ("figure", "value", "limit", "verdict"),
    ),
    "presence_bytes": (
        lambda row: row["N"] in (100_000, 1_000_000),
        ("N", "epoch", "design", "registration", "up", "down", "total", "times_less"),
    ),
    "presence_kernels": (
        lambda row: row.get("at_least") or row.get("at_most"),
        ("task", "queries", "record", "ratio", "at_least", "at_most"),
    ),
    "presence_load": (
        lambda row: row.get("at_least") or row.get("at_most"),
        (
            "task",
            "ratio",
            "ratio_workers",
            "over_single",
            "seconds",
            "at_least",
            "at_most",
            "p50_ms",
            "p99_ms",
        ),
    ),
    "shallow_scale": (
        lambda row: True,
        ("what", "device", "rows", "neurons", "relative_to_products", "memory_in_X"),
    ),
}


def block():
    """Return the markdown of all headline rows."""
    parts = []
    for area, (wanted, columns) in AREAS.items():
        path = RESULTS / f"{area}.json"
        if not path.exists():
            continue
        record = json.loads(path.read_text())
        rows = [row for row in record["rows"] if wanted(row)]
        lines = [columns, ["---"] * len(columns)]
        lines += [[shown(row.get(name)) for name in columns] for row in rows]
        table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        parts.append(f"\n{caption(record)}\n\n{table}\n")
    return "\n".join(parts) + "\n"


def renewed(text):
    """Return the README's text with the block in place."""
    head, rest = text.split(MARKS[0])
    tail = rest.split(MARKS[1], 1)[1]
    return head + MARKS[0] + block() + MARKS[1] + tail


def main(words):
    """Rewrite the README, or check it."""
    text = README.read_text()
    if "--check" in words:
        return None if renewed(text) == text else "README.md is behind the results"
    README.write_text(renewed(text))
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
