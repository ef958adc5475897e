"""What every experiment does: name a folder, write numbers, compare with expected."""

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

#: Resamples of the seeds behind an interval.
RESAMPLES = 2000


def digest(config: Any) -> str:
    """Return the content hash of a configuration: equal fields, equal folder."""
    text = json.dumps(asdict(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def disagreements(
    numbers: dict[str, float], expected: dict[str, Any]
) -> dict[str, str]:
    """Return, by name, a sentence on each number missing or outside its tolerance.

    An entry of `expected` has "value", "at_most" or "at_least", and a "tolerance".
    """
    found = {}
    for name, wish in expected.items():
        got = numbers.get(name, float("nan"))
        above = got - wish.get("value", wish.get("at_most", np.inf))
        below = wish.get("value", wish.get("at_least", -np.inf)) - got
        if not max(above, below) <= wish["tolerance"]:  # a missing number is NaN
            found[name] = f"{name}: got {got:.4g}; expected {wish}"
    return found


def interval(values: Any, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap 95 % interval of the mean of `values`, one per seed."""
    values = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(
        len(values), size=(RESAMPLES, len(values))
    )
    low, high = np.quantile(values[picks].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def slope(sizes: Any, values: Any) -> float:
    """Return the least-squares slope of log `values` over log `sizes`."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def main(
    folder: Path,
    configs: dict[str, Any],
    run: Callable[[Any], dict[str, float]],
    table: Callable[[dict[str, float]], str],
) -> int:
    """Run one experiment from the command line and return its exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="seconds, not minutes")
    size = "small" if parser.parse_args().small else "full"
    began = time.perf_counter()
    numbers = run(configs[size])
    seconds = time.perf_counter() - began
    print(table(numbers))
    print(f"{size}: {seconds:.0f} s; {write(folder, configs[size], numbers, seconds)}")
    expected = read_expected(folder)[size]
    wrong = disagreements(numbers, expected)
    for name in expected:
        verdict = "does not hold" if name in wrong else "holds"
        print(f"{verdict:14} {wrong.get(name, name)}")
    return 1 if wrong else 0


def read_expected(folder: Path) -> dict[str, Any]:
    """Return the numbers that must come out, by size."""
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def write(folder: Path, config: Any, numbers: dict[str, float], seconds: float) -> Path:
    """Write configuration and numbers to the folder that the configuration names."""
    path = folder / "results" / digest(config) / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"config": asdict(config), "seconds": seconds, "numbers": numbers}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path
