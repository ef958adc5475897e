"""Put the headline rows of the results into the README, between its two marks.

``python benchmarks/readme.py`` rewrites; ``--check`` fails if that would change it.
"""

import json
import sys
from pathlib import Path

from _harness import RESULTS, caption, shown

README = Path(__file__).resolve().parents[1] / "README.md"
MARKS = "<!-- RESULTS -->\n", "<!-- /RESULTS -->"

#: Columns of the README's table, and which rows of an area go into it.
COLUMNS = ("task", "n", "method", "ratio", "limit", "gap")
AREAS = {"univariate": lambda row: "ratio" in row}


def block():
    """Return the markdown of all headline rows."""
    parts = []
    for area, wanted in AREAS.items():
        path = RESULTS / f"{area}.json"
        if not path.exists():
            continue
        record = json.loads(path.read_text())
        rows = [row for row in record["rows"] if wanted(row)]
        lines = [COLUMNS, ["---"] * len(COLUMNS)]
        lines += [[shown(row.get(name)) for name in COLUMNS] for row in rows]
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
