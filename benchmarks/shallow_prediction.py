"""Test errors of shallow networks beside kernels, networks, trees and MARS.

``python benchmarks/shallow_prediction.py [--sets ...] [--methods ...] [--masks 10]``
reads the folder SPLINEAR_DATA (uci/<set>/data.csv.gz and test_mask.csv.gz) and fits each
method on the training rows of each mask.  results/shallow_prediction_masks.json has the
values of every mask and is written after each; results/shallow_prediction.json their
means.  ``--resume`` keeps what is there.  Seconds are whole fits, tuning included, with
the threads of the run.
"""

import argparse
import json
import os
import sys
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from _harness import RESULTS, Bench
from peers import hgb, kernel_ridge, mars, mlp

SMALL = ["autompg", "concrete", "energy", "wine", "yacht"]
LARGE = ["elevators", "pol", "protein"]
#: Rows that peers of cubic or slow cost train on; `ALL_ROWS` take every one.
PEER_ROWS = 5000
ALL_ROWS = {"ours", "kernel ridge", "hgb", "hgb tuned"}


def ours(N, d, seed):
    """Return our estimator as it comes."""
    from splinear import ShallowNetRegressor  # peers run without it

    return ShallowNetRegressor(random_state=seed)


#: Name -> (how to build it for N rows and d columns, its size once fitted).
METHODS = {
    "ours": (ours, lambda model: model.n_neurons_),
    "kernel ridge": (kernel_ridge.build, kernel_ridge.size),
    "mlp": (mlp.build, mlp.size),
    "hgb": (hgb.build, hgb.size),
    "hgb tuned": (hgb.build_tuned, hgb.size),
    "mars": (mars.build, mars.size),
}


def load(name):
    """Return X (N, d), y (N,) and test masks (N, 10) of a set."""
    folder = Path(os.environ["SPLINEAR_DATA"]) / "uci" / name
    table = np.loadtxt(folder / "data.csv.gz", delimiter=",")
    masks = np.loadtxt(folder / "test_mask.csv.gz", delimiter=",").astype(bool)
    return table[:, :-1], table[:, -1], masks


def training_rows(mask, method, seed):
    """Return the training rows; a random 5,000 of them for slow peers."""
    rows = np.flatnonzero(~mask)
    if method in ALL_ROWS or len(rows) <= PEER_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).permutation(rows)[:PEER_ROWS])


def one_mask(method, X, y, mask, seed):
    """Fit and test once; return the cells of one mask."""
    build, size = METHODS[method]
    rows = training_rows(mask, method, seed)
    model = build(len(rows), X.shape[1], seed)
    start = time.perf_counter()
    model.fit(X[rows], y[rows])
    seconds = time.perf_counter() - start
    error = y[mask] - np.ravel(model.predict(X[mask]))
    rmse = float(np.sqrt(np.mean(error**2)))
    found = {"rmse": rmse, "rmse_in_sd": rmse / y.std(), "rows": len(rows)}
    return found | {"seconds": seconds, "size": int(size(model)), "threads": threads()}


def threads():
    """Return the most threads that a loaded BLAS or OpenMP would use."""
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


def attempt(method, X, y, mask, seed):
    """Return the cells of one mask, or in words why there are none."""
    try:
        return one_mask(method, X, y, mask, seed)
    except Exception as error:  # what a peer failed at is a row
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return {"failed": text[:200]}


def means(name, method, rows):
    """Return the row of one set and method from the rows of its masks."""
    row = {"set": name, "method": method, "masks": len(rows)}
    done = [r for r in rows if "failed" not in r]
    if len(done) < len(rows):
        failed = next(r["failed"] for r in rows if "failed" in r)
        row |= {"failed": f"{len(rows) - len(done)} masks: {failed}"}
    if not done:
        return row
    rmse = np.array([r["rmse"] for r in done])
    row |= {"rows": done[0]["rows"], "rmse": rmse.mean()}
    if len(rmse) > 1:
        row["standard_error"] = rmse.std(ddof=1) / np.sqrt(rmse.size)
    for key in ("rmse_in_sd", "seconds", "size"):
        row[key] = float(np.mean([r[key] for r in done]))
    return row | {"threads": done[0]["threads"]}


def against_ours(rows, mine):
    """Return the ratio of mean errors to ours and on how many masks `rows` are better."""
    base = {r["mask"]: r["rmse"] for r in mine if "rmse" in r}
    both = [r for r in rows if "rmse" in r and r["mask"] in base]
    pairs = np.array([(r["rmse"], base[r["mask"]]) for r in both])
    if not len(pairs):
        return {}
    wins = int(np.sum(pairs[:, 0] < pairs[:, 1]))
    ratio = pairs[:, 0].mean() / pairs[:, 1].mean()
    return {"relative_to_ours": ratio, "wins_against_ours": f"{wins}/{len(pairs)}"}


def write_means(rows, folder):
    """Write the table of means from the rows of all masks."""
    bench, groups = Bench("shallow_prediction", folder), {}
    for row in rows:
        groups.setdefault((row["set"], row["method"]), []).append(row)
    for (name, method), group in groups.items():
        row = means(name, method, group)
        if method != "ours":
            row |= against_ours(group, groups.get((name, "ours"), []))
        bench.rows.append(row)
    bench.write()


def options():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", nargs="+", default=SMALL + LARGE)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument(
        "--masks", type=int, default=10, help="how many, from the first"
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep rows that are there"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of results")
    return parser.parse_args()


def main():
    """Run what is not there yet; write after each mask."""
    args = options()
    warnings.simplefilter("ignore", ConvergenceWarning)
    bench = Bench("shallow_prediction_masks", args.out)
    saved = args.out / "shallow_prediction_masks.json"
    if args.resume and saved.exists():
        bench.rows = json.loads(saved.read_text())["rows"]
    there = {(r["set"], r["method"], r["mask"]) for r in bench.rows}
    for name, method in product(args.sets, args.methods):
        X, y, masks = load(name)
        for k in range(args.masks):
            if (name, method, k) not in there:
                cells = attempt(method, X, y, masks[:, k], k)
                bench.row(set=name, method=method, mask=k, **cells)
                bench.write()
    write_means(bench.rows, args.out)


if __name__ == "__main__":
    sys.exit(main())
