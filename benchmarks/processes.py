"""Random ReLU processes: sampling and evaluating beside the product and plain NumPy.

``python benchmarks/processes.py`` writes results/processes.json and its table; with
``--folder DIR`` it writes there.  The task is the published figure at its largest rate:
some 16,000 neurons on [-1, 1]^2, seen on a 256 x 256 grid.

- "product" is X U' alone, chunk by chunk into one buffer, at the fastest of several
  chunks: what any evaluation neuron by neuron contains.
- "numpy" is ``maximum(X U' - t, 0) v``, chunk by chunk, at the fastest of several
  chunks (in one piece it would need 8.6 GB for each of its arrays).

Every call is checked against the other before a clock runs, and all take their turns.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from _harness import RESULTS, Bench, interleaved
from splinear.core.threads import one_blas_thread
from splinear.processes import CenteredBox, RandomReLUProcess, SymmetricStable

RATE, SIDE, ROUNDS = 1000.0, 256, 5
SQUARE = CenteredBox(np.ones(2))
#: Rows of a chunk of the plain version and of the product.
CHUNKS = (2, 4, 8, 32, 128, 512)
#: Claims: time over the product's, and the plain version's over ours.
LIMIT_PRODUCT, LIMIT_NUMPY = 3.0, 10.0
#: Largest growth of the resident memory during an evaluation, in MiB.
LIMIT_MEMORY = 50.0


def grid(side):
    """Return side^2 points of the square, in rows."""
    line = np.linspace(-1.0, 1.0, side)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)


def product(X, net, chunk):
    """Return nothing: the products pass through one buffer."""
    UT, buffer = net.directions.T, np.empty((chunk, net.n_neurons))
    for start in range(0, len(X), chunk):
        np.matmul(X[start : start + chunk], UT, out=buffer)


def plain(X, net, chunk):
    """Return the values, neuron by neuron."""
    UT, t, v = net.directions.T, net.thresholds, net.weights
    parts = [
        np.maximum(X[start : start + chunk] @ UT - t, 0.0) @ v
        for start in range(0, len(X), chunk)
    ]
    return np.concatenate(parts)


def plain_gradient(X, net, chunk):
    """Return the gradients, neuron by neuron."""
    UT, t = net.directions.T, net.thresholds
    vU = net.weights[:, None] * net.directions
    parts = [
        (X[start : start + chunk] @ UT > t) @ vU for start in range(0, len(X), chunk)
    ]
    return np.concatenate(parts)


def fastest(call, X, net):
    """Return the chunk at which a call is fastest on a tenth of the points."""
    few = X[: len(X) // 8]
    seconds = interleaved(
        2, **{str(c): (lambda c=c: call(few, net, c)) for c in CHUNKS}
    )
    return int(min(seconds, key=lambda name: seconds[name]))


def peak_growth(gradients):
    """Return by how many MiB an evaluation grows a fresh process at most (Linux)."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_evaluate_once, gradients).result()


def _evaluate_once(gradients):
    X = grid(SIDE)
    net = RandomReLUProcess(2, RATE).sample(SQUARE, random_state=0)
    call = net.gradient if gradients else net
    call(X[:100])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before = resident("VmRSS")
    call(X)
    return resident("VmHWM") - before


def resident(name):
    """Return resident memory now (VmRSS) or at its peak (VmHWM), in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith(name))
    return int(kib) / 2**10


def row(bench, name, law, X, ours, peer, call):
    """Check, then time ours beside the product and the plain version."""
    net = RandomReLUProcess(2, RATE, law).sample(SQUARE, random_state=0)
    chunk, width = fastest(peer, X, net), fastest(product, X, net)
    expected, got = peer(X, net, chunk), call(net, X)
    size = np.abs(expected).max()
    error = float(np.abs(got - expected).max() / size)
    if not error < 1e-11:
        raise SystemExit(f"{name}: wrong by {error:.1e}; a wrong answer has no time")
    seconds = interleaved(
        ROUNDS,
        ours=lambda: ours(law, X),
        product=lambda: product(X, net, width),
        numpy=lambda: peer(X, net, chunk),
    )
    bench.row(
        task=name,
        neurons=net.n_neurons,
        points=len(X),
        splinear=seconds["ours"],
        product=seconds["product"],
        numpy=seconds["numpy"],
        over_product=seconds["ours"] / seconds["product"],
        limit_product=LIMIT_PRODUCT,
        numpy_over_ours=seconds["numpy"] / seconds["ours"],
        limit_numpy=LIMIT_NUMPY,
        memory_mib=peak_growth(peer is plain_gradient),
        limit_memory=LIMIT_MEMORY,
        difference=error,
        chunk=chunk,
    )


def draw_and_evaluate(law, X):
    return RandomReLUProcess(2, RATE, law).sample(SQUARE, random_state=0)(X)


def draw_and_differentiate(law, X):
    return RandomReLUProcess(2, RATE, law).sample(SQUARE, random_state=0).gradient(X)


def main():
    """Run everything and fail if a ratio or the memory is beyond its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=RESULTS)
    bench = Bench("processes", parser.parse_args().folder)
    X = grid(SIDE)
    laws = {"Gaussian": SymmetricStable(2.0), "1.25-stable": SymmetricStable(1.25)}
    draw_and_evaluate(laws["Gaussian"], X[:100])  # compile before the clock runs
    draw_and_differentiate(laws["Gaussian"], X[:100])
    with one_blas_thread():  # ours runs on one core, and so do they
        for name, law in laws.items():
            row(
                bench,
                f"draw and evaluate, {name}",
                law,
                X,
                draw_and_evaluate,
                plain,
                lambda net, X: net(X),
            )
            row(
                bench,
                f"draw and differentiate, {name}",
                law,
                X,
                draw_and_differentiate,
                plain_gradient,
                lambda net, X: net.gradient(X),
            )
    bench.write()
    slow = [
        r["task"]
        for r in bench.rows
        if r["over_product"] > LIMIT_PRODUCT
        or r["numpy_over_ours"] < LIMIT_NUMPY
        or (r["memory_mib"] or 0.0) > LIMIT_MEMORY
    ]
    return f"beyond a limit: {slow}" if slow else None


if __name__ == "__main__":
    sys.exit(main())
