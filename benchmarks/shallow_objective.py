"""Objectives of shallow networks beside descent, PathProx and a convex program.

``python benchmarks/shallow_objective.py [--tasks ...] [--methods ...] [--ratio 0.05]``
minimises 1/(2N) |y - f|^2 + alpha sum |a_k| at alpha = ratio * `network_alpha_max` on
ridge data and on training rows of the folder SPLINEAR_DATA (uci/<set>, first mask).
Every network is scored by `shallow_score`.  Of several --seeds a peer keeps its best
objective, with the seconds of that fit alone.  --budget ends descent after that many
seconds; polishing comes on top.

One process, one thread.  Rows are written after each fit; --resume keeps what is there,
alphas included, except the methods named by --again.  `excess` is objective / ours - 1,
`seconds_ratio` seconds / ours.
"""

import argparse
import json
import math
import sys
import time
import warnings
from functools import partial
from itertools import product
from pathlib import Path

import numba
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from _harness import RESULTS, Bench
from peers import adam, pathprox
from shallow_prediction import LARGE, SMALL, load
from shallow_score import score
from splinear.shallow.fit import fit_network, network_alpha_max

RIDGE = {f"ridge d={d} N={N}": (N, d) for N in (1000, 10_000) for d in (2, 5, 20)}
TASKS = [*list(RIDGE)[:3], *SMALL, *list(RIDGE)[3:], *LARGE]
#: Rows of the large sets: the peers must end.
ROWS = 3000
TEACHER, SHORT = 5, 1000


def main():
    """Run what is not there yet; write after each fit."""
    args = options()
    warnings.simplefilter("ignore")
    bench = Bench("shallow_objective", args.out)
    bench.rows = kept(args)
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        warm_up()
        for task in args.tasks:
            run_task(bench, task, args)


def run_task(bench, task, args):
    """Run the missing methods of a task on the same data at the same alpha."""
    X, y = data(task)
    alphas = [r["alpha"] for r in bench.rows if r["task"] == task]
    alpha = alphas[0] if alphas else args.ratio * network_alpha_max(X, y)
    there = {r["method"] for r in bench.rows if r["task"] == task}
    for method in (name for name in args.methods if name not in there):
        cells = attempt(method, X, y, alpha, args)
        row = {"task": task, "n": len(X), "d": X.shape[1], "method": method}
        bench.row(**row, alpha=alpha, **cells)
        bench.rows = compared(bench.rows)
        bench.write()


def data(task):
    """Return X (N, d) and y (N,)."""
    return ridge(*RIDGE[task]) if task in RIDGE else tabular(task)


def ridge(N, d, seed=0):
    """Five ReLU neurons on the unit ball with a tenth of noise."""
    rng = np.random.default_rng(seed)
    X = units(rng, N, d) * rng.random((N, 1)) ** (1 / d)
    offsets, coef = rng.uniform(-0.5, 0.5, TEACHER), rng.choice([-1.0, 1.0], TEACHER)
    signal = np.maximum(X @ units(rng, TEACHER, d).T - offsets, 0.0) @ coef
    return X, signal + 0.1 * signal.std() * rng.normal(size=N)


def units(rng, count, d):
    """Return uniform unit vectors (count, d)."""
    U = rng.normal(size=(count, d))
    return U / np.linalg.norm(U, axis=1, keepdims=True)


def tabular(name):
    """Return standardised training rows of the first mask; constant columns leave."""
    X, y, masks = load(name)
    rows = np.flatnonzero(~masks[:, 0])
    rows = rows[:ROWS] if name in LARGE else rows
    X, y = X[rows], y[rows]
    X = X[:, X.std(axis=0) > 0.0]
    return (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()


def ours(X, y, alpha, args):
    """Return the cells of our solver."""
    start = time.perf_counter()
    found = fit_network(X, y, alpha, tol=1e-4, n_starts=256)
    seconds = time.perf_counter() - start
    objective, neurons = score(found.value, X, y, alpha)
    proof = found.certificate
    cells = {"objective": objective, "neurons": neurons, "seconds": seconds}
    return cells | {"gap": proof.relative_gap, "kind": proof.kind}


def descent(peer, X, y, alpha, args, steps=None):
    """Return the cells of adam or pathprox, the best of its seeds."""
    options = {"steps": steps or args.steps, "budget": args.budget}
    fits = [peer.fit(X, y, alpha, seed=k, **options) for k in range(args.seeds)]
    best = min((scored(f, X, y, alpha) for f in fits), key=lambda c: c["objective"])
    return best | {"seeds": args.seeds}


def convex(X, y, alpha, args):
    """Return the cells of the convex reformulation."""
    from peers import scnn  # another package that may be missing

    return scored(scnn.fit(X, y, alpha, budget=args.budget), X, y, alpha)


def scored(found, X, y, alpha):
    """Return the cells of a peer's fit."""
    objective, neurons = score(found.net, X, y, alpha)
    cells = {"objective": objective, "neurons": neurons, "seconds": found.seconds}
    return cells | {"steps": found.steps}


METHODS = {
    "ours": ours,
    "adam": partial(descent, adam),
    f"adam {SHORT}": partial(descent, adam, steps=SHORT),
    "pathprox": partial(descent, pathprox),
    "scnn": convex,
}


def attempt(method, X, y, alpha, args):
    """Return the cells of one fit, or in words why there are none."""
    try:
        return METHODS[method](X, y, alpha, args)
    except Exception as error:  # what a peer failed at is a row
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return {"failed": text[:200]}


def warm_up():
    """Compile kernels on a small problem: numba's seconds are no one's."""
    X, y = ridge(60, 3)
    for columns in (X, X[:, :2]):
        fit_network(columns, y, 0.3 * network_alpha_max(columns, y), max_iter=3)


def compared(rows):
    """Return rows in order, with what relates them to ours, however often it ran."""
    mine = {r["task"]: r for r in rows if r["method"] == "ours" and "objective" in r}
    order, methods = TASKS.index, list(METHODS)
    rows = sorted(rows, key=lambda r: (order(r["task"]), methods.index(r["method"])))
    return [r | against(r, mine.get(r["task"], {})) for r in rows]


def against(row, mine):
    """Return excess and ratio of seconds of a row."""
    if "objective" not in row or not mine:
        return {}
    excess = row["objective"] / mine["objective"] - 1.0
    return {"excess": excess, "seconds_ratio": row["seconds"] / mine["seconds"]}


def kept(args):
    """Return the rows to keep of those that are there."""
    saved = args.out / "shallow_objective.json"
    if not (args.resume and saved.exists()):
        return []
    rows = json.loads(saved.read_text())["rows"]
    again = set(product(args.tasks, args.again))
    return [r for r in rows if (r["task"], r["method"]) not in again]


def options():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--tasks", nargs="+", default=TASKS, choices=TASKS)
    add("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    add("--again", nargs="+", default=[], choices=METHODS, help="run again")
    add("--ratio", type=float, default=0.05, help="alpha over alpha_max")
    add("--steps", type=int, default=30_000, help="of adam and pathprox")
    add("--seeds", type=int, default=3, help="of adam and pathprox")
    add("--budget", type=float, default=math.inf, help="seconds of descent")
    add("--resume", action="store_true", help="keep rows that are there")
    add("--out", type=Path, default=RESULTS, help="folder of results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
