"""A million rows: seconds of a pass beside its matrix products, memory, whole fits.

``python benchmarks/shallow_scale.py [--rows 1000000] [--columns 20] [--neurons 32]``
times value and gradient of the joint descent against the products X W', P' X and the
two with the coefficients that it contains, over the same blocks, both on one thread.
Memory is the peak of the process less what it was before the fit, in units of X. With a
CUDA device the same pass and fit run there too. Exits with 1 above LIMITS.
"""

import argparse
import resource
import sys
import time

import numpy as np

from _harness import Bench
from splinear.core.threads import one_blas_thread
from splinear.shallow import fit_network, network_alpha_max
from splinear.shallow._fit_checks import read_data
from splinear.shallow._task import make_task
from splinear.shallow.losses import make_net_loss

#: A pass in units of its products, and memory of a fit in units of X.
LIMITS = {"relative_to_products": 2.0, "memory_in_X": 3.0}


def data(N, d):
    """Return five ridges with noise."""
    rng = np.random.default_rng(0)
    X, U = rng.normal(size=(N, d)), rng.normal(size=(5, d))
    U /= np.linalg.norm(U, axis=1)[:, None]
    ridges = np.maximum(X @ U.T - rng.uniform(-0.5, 0.5, 5), 0.0)
    y = ridges @ np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    return X, y + 0.1 * rng.normal(size=N)


def best_of(run, times=3):
    """Return the least seconds of a few runs."""
    run()  # compile
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def products(problem, W, V):
    """Run the matrix products of a pass, block by block."""
    for rows in problem.blocks(len(W)):
        X = problem.X[rows]
        Z = X @ W.T
        F = Z @ V
        X @ W[0]  # the skip connection and its gradient
        X.T @ F
        Z.T @ F
        Z.T @ X


def pass_row(problem, K):
    """Return seconds of a pass and their ratio to its matrix products."""
    rng = np.random.default_rng(1)
    d, r = problem.X.shape[1], problem.skip_map.shape[1]
    W, b = rng.normal(size=(K, d)), rng.normal(size=K)
    V, S = rng.normal(size=(K, 1)), rng.normal(size=(r, 1))
    with one_blas_thread():
        whole = best_of(lambda: problem.raw_value_and_gradient(W, b, V, S))
        least = best_of(lambda: products(problem, W, V))
    return {"neurons": K, "seconds": whole, "relative_to_products": whole / least}


def peak():
    """Return the largest resident set so far, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fit_row(X, y, alpha, device=None):
    """Return how a whole fit went, and its memory in units of X."""
    before, start = peak(), time.perf_counter()
    found = fit_network(X, y, alpha, tol=1e-3, n_starts=128, device=device)
    return {
        "seconds": time.perf_counter() - start,
        "objective": found.objective,
        "relative_gap": found.certificate.relative_gap,
        "found_neurons": found.value.n_neurons,
        "memory_in_X": (peak() - before) / X.nbytes,
    }


def devices():
    """Return the torch devices beside numpy that can be timed here."""
    try:
        import torch
    except ImportError:
        return []
    return ["cuda"] if torch.cuda.is_available() else []


def main():
    """Time passes, then fits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--neurons", type=int, nargs="+", default=[8, 32, 100])
    args = parser.parse_args()
    bench, (X, y) = Bench("shallow_scale"), data(args.rows, args.columns)
    shape = {"rows": args.rows, "columns": args.columns}
    loss = make_net_loss("squared")
    for device in [None, *devices()]:
        task = make_task(read_data(X, y, None, loss), loss, "relu", None, device)
        for K in args.neurons:
            row = pass_row(task.problem, K)
            bench.row(what="pass", device=device or "numpy", **shape, **row)
        del task
    alpha = 0.05 * network_alpha_max(X[:50_000], y[:50_000], n_starts=64)
    for device in [None, *devices()]:
        row = fit_row(X, y, alpha, device)
        bench.row(what="fit", device=device or "numpy", **shape, **row)
    bench.write()
    over = [r for r in bench.rows if any(r.get(k, 0.0) > LIMITS[k] for k in LIMITS)]
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
