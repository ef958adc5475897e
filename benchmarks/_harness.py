"""Record benchmark rows with machine, commit and versions; write JSON and a table.

A benchmark file does::

    bench = Bench("univariate")
    seconds, fit = best_of(3, lambda: fit_spline(x, y, alpha))
    bench.row(task="O-14, N = 1e6", method="ours", seconds=seconds, gap=fit.gap)
    bench.write()
"""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = [
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "cvxpy",
    "clarabel",
    "splineops",
    "torch",
    "transformers",
]


class Bench:
    """The rows of one area, with the conditions they were measured under."""

    def __init__(self, area, folder=RESULTS):
        self.area, self.folder, self.rows = area, Path(folder), []

    def row(self, **cells):
        """Add a row, and show it at once: long benchmarks are watched."""
        self.rows.append(cells)
        print("  ".join(f"{name}={shown(value)}" for name, value in cells.items()))

    def write(self):
        """Write ``<area>.json`` and the table made from it; return the JSON's path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.area}.json"
        record = {"area": self.area, **conditions(), "rows": self.rows}
        path.write_text(json.dumps(record, indent=1, default=float) + "\n")
        write_table(path)
        return path


def best_of(rounds, call):
    """Return the least wall time of `rounds` calls, in seconds, and the last value."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        value = call()
        times.append(time.perf_counter() - start)
    return min(times), value


def interleaved(rounds, **calls):
    """Return the least seconds of each call, taken in turns: noise hits all alike."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            least[name] = min(least[name], best_of(1, call)[0])
    return least


def conditions():
    """Describe when, where and with what the run happened."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": git("rev-parse", "--short=12", "HEAD") or "none",
        # Results that a run resumes, and writes, are no change of what is measured.
        "clean": not git(
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            ":/",
            ":/!benchmarks/results",
        ),
        "machine": machine(),
        "versions": versions(),
    }


def git(*words):
    place = Path(__file__).resolve().parent
    run = subprocess.run(
        ["git", *words], cwd=place, capture_output=True, text=True, check=False
    )
    return run.stdout.strip()


def machine():
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def cpu_name():
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or "unknown"
    lines = info.read_text().splitlines()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def memory_gib():
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def versions():
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_table(path):
    """Write the markdown table of the JSON at `path` beside it; return its text."""
    text = table(json.loads(path.read_text()))
    path.with_suffix(".md").write_text(text)
    return text


def table(record):
    """Return the markdown of one record: a caption with conditions, then its rows."""
    names = list(dict.fromkeys(name for row in record["rows"] for name in row))
    lines = [names, ["---"] * len(names)]
    lines += [[shown(row.get(name)) for name in names] for row in record["rows"]]
    body = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return f"{caption(record)}\n\n{body}\n"


def caption(record):
    at, state = record["machine"], "" if record["clean"] else " (uncommitted changes)"
    return (
        f"{record['area']}: {record['date']}, commit {record['commit']}{state}, "
        f"{at['cpu']}, {at['cores']} cores, {at['memory_gib']} GiB."
    )


def shown(value):
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    for saved in sorted(RESULTS.glob("*.json")):
        write_table(saved)
        sys.stdout.write(f"{saved.with_suffix('.md')}\n")
