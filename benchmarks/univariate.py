"""Adaptive splines: time, memory and gap beside sorting and the peers.

``python benchmarks/univariate.py`` writes results/univariate.json and its table.  The
data are the noisy function of the tests' large problems, in random order.  Times are
the best of several turns; peers take their turns in the same run.  A ratio above its
limit makes the run fail after the table is written.
"""

import resource
import subprocess
import sys
from functools import partial

import numpy as np

from _harness import Bench, best_of, interleaved
from splinear.univariate.fit import alpha_max, fit_spline
from splinear.univariate.path import fit_path
from splinear.univariate.select import select_alpha

TOL = 1e-10
LIMITS = {
    "fit / stable argsort": 4.0,
    "growth 1e5 to 1e7 beyond linear": 1.5,
    "peak arrays of N": 12.0,
    "order 3 / order 2": 20.0,
    "order 4 / order 2": 20.0,
    "path of 50 / fit": 8.0,
    "auto / fit": 12.0,
}


def data(n, ordered=False):
    """Return the noisy function of the large problems at n points."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.random(n))
    y = np.sin(6 * x) + 2 * np.abs(x - 0.37) - 5 * np.maximum(x - 0.7, 0)
    y += 0.5 * rng.standard_normal(n)
    shuffle = slice(None) if ordered else np.random.default_rng(1).permutation(n)
    return x[shuffle], y[shuffle]


def values_gap(x, y, f, alpha):
    """Relative gap of a peer's values at sorted sites, from the definitions."""
    h, n = np.diff(x), x.size
    basis = np.linalg.qr(np.stack([np.ones(n), x - x.mean()], axis=1))[0]
    null, r = (v - basis @ (basis.T @ v) for v in (y, y - f))
    eta = np.cumsum(np.cumsum(r)[:-1] * h)
    s = min(1.0, n * alpha / np.max(np.abs(eta)))
    variation = np.sum(np.abs(np.diff(np.diff(f) / h)))
    primal = 0.5 * np.sum((y - f) ** 2) + n * alpha * variation
    dual = s * (r @ y) - 0.5 * s * s * (r @ r)
    return (primal - dual) / (0.5 * (null @ null))


def speed(bench, n):
    """Time a fit and the same x's stable argsort in turns."""
    x, y = data(n)
    alpha = 1e-3 * alpha_max(x, y)
    seconds = interleaved(
        7,
        fit=lambda: fit_spline(x, y, alpha=alpha, tol=TOL),
        sort=lambda: np.argsort(x, kind="stable"),
    )
    result = fit_spline(x, y, alpha=alpha, tol=TOL)
    ratio = seconds["fit"] / seconds["sort"]
    record(bench, "fit / stable argsort", n, seconds["fit"], ratio, result)
    return seconds["fit"], alpha


def growth(bench):
    """Time fits of data that need no sorting at 1e5, 1e6 and 1e7."""
    per_site = {}
    for n in (10**5, 10**6, 10**7):
        x, y = data(n, ordered=True)
        fit = partial(fit_spline, x, y, alpha=1e-3 * alpha_max(x, y), tol=TOL)
        seconds, result = best_of(9 if n < 10**7 else 3, fit)
        per_site[n] = seconds / n
        bench.row(task="ordered fit", n=n, seconds=seconds, gap=gap(result))
    ratio = per_site[10**7] / per_site[10**5]
    record(bench, "growth 1e5 to 1e7 beyond linear", 10**7, None, ratio)


def memory(bench, n=10**7):
    """Measure the peak memory of a fit in a process of its own."""
    script = (
        "import sys; sys.path.insert(0, 'benchmarks'); import univariate as u;"
        f"print(u.peak_arrays({n}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    record(bench, "peak arrays of N", n, None, float(run.stdout))


def peak_arrays(n):
    """Return the growth of peak memory during a fit, in arrays of n doubles."""
    small = data(10_000)
    fit_spline(*small, alpha=1e-3 * alpha_max(*small), tol=TOL)
    x, y = data(n)
    alpha = 1e-4  # near 1e-3 alpha_max; alpha_max would allocate first
    before = resident()
    # The peak so far belongs to making the data: what is free now is reused.
    ballast = np.ones(max(0, (peak() - before) // 8))
    fit_spline(x, y, alpha=alpha, tol=TOL)
    return (peak() - before - ballast.nbytes) / (8.0 * n)


def peak():
    """Return the peak resident size of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident():
    """Return the present resident size of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def orders(bench, n=10**5):
    """Time orders 1, 3 and 4 against order 2."""
    x, y = data(n)
    seconds = {}
    for order in (2, 1, 3, 4):
        alpha = 1e-3 * alpha_max(x, y, order=order)
        seconds[order], result = best_of(
            3,
            lambda a=alpha, m=order: fit_spline(x, y, alpha=a, order=m, tol=TOL),
        )
        ratio = seconds[order] / seconds[2]
        record(bench, f"order {order} / order 2", n, seconds[order], ratio, result)


def paths(bench, one_fit, n=10**6):
    """Time a path of 50 alphas and the automatic choice against one fit."""
    x, y = data(n)
    for tol in (1e-6, TOL):
        seconds, path = best_of(3, lambda tol=tol: fit_path(x, y, tol=tol))
        worst = max(gap(result) for result in path)
        name = "path of 50 / fit"
        record(bench, name, n, seconds, seconds / one_fit, tol=tol, gap=worst)
    seconds, chosen = best_of(3, lambda: select_alpha(x, y))
    record(bench, "auto / fit", n, seconds, seconds / one_fit, chosen.result)


def dense(bench, n=10**6):
    """Fit with tens of thousands of knots, where knot exchange is known to stall."""
    x, y = data(n)
    top = alpha_max(x, y)
    for ratio in (1e-5, 1e-7, 1e-8, 1e-9, 1e-10):
        seconds, result = best_of(
            1, lambda r=ratio: fit_spline(x, y, alpha=r * top, tol=TOL)
        )
        bench.row(
            task=f"dense knots, {ratio:.0e} alpha_max",
            n=n,
            seconds=seconds,
            gap=gap(result),
            knots=result.stats["exchange"].knots.size - 2,
        )


def peers(bench):
    """Run Clarabel through cvxpy and the ADMM of splineops on the same problems."""
    for n in (10**3, 10**4, 10**5):
        x, y = data(n, ordered=True)
        alpha = 1e-3 * alpha_max(x, y)
        fit = partial(fit_spline, x, y, alpha=alpha, tol=TOL)
        ours, result = best_of(25, fit)
        bench.row(task="peers", n=n, method="splinear", seconds=ours, gap=gap(result))
        for name, call in (("cvxpy + Clarabel", clarabel), ("splineops", splineops)):
            if name == "splineops" and n > 10**4:
                continue  # ten thousand of its iterations, far from converged
            peer(bench, name, call, x, y, alpha, ours)


def peer(bench, name, call, x, y, alpha, ours):
    """Time one peer; a failure is a result, too."""
    n = x.size
    rounds = 5 if n == 10**3 else 1
    try:
        seconds, f = best_of(rounds, lambda: call(x, y, alpha))
    except Exception as error:
        bench.row(task="peers", n=n, method=name, note=str(error).split("\n")[0])
        return
    ratio = seconds / ours
    reached = values_gap(x, y, f, alpha)
    bench.row(task="peers", n=n, method=name, seconds=seconds, ratio=ratio, gap=reached)


def clarabel(x, y, alpha):
    """Solve by cvxpy and Clarabel; returns the values at x."""
    import cvxpy
    from scipy.sparse import diags_array

    h = np.diff(x)
    rows = diags_array(
        [1 / h[:-1], -1 / h[:-1] - 1 / h[1:], 1 / h[1:]],
        offsets=[0, 1, 2],
        shape=(x.size - 2, x.size),
    )
    f = cvxpy.Variable(x.size)
    loss = cvxpy.sum_squares(y - f) / (2 * x.size)
    problem = cvxpy.Problem(cvxpy.Minimize(loss + alpha * cvxpy.norm1(rows @ f)))
    problem.solve(solver=cvxpy.CLARABEL)
    if f.value is None:
        raise RuntimeError(f"no solution: {problem.status}")
    return f.value


def splineops(x, y, alpha):
    """Solve by the ADMM of splineops in its own limit of iterations."""
    from splineops.adaptive_regression_splines.denoising import denoise_y

    scale = x.size  # sites at unit mean spacing, as its authors use it
    return denoise_y(x * scale, y, alpha * x.size * scale, rho=alpha * x.size * scale)


def gap(result):
    """Return the relative gap that a result claims; the tests recompute it."""
    return result.certificate.relative_gap


def record(bench, name, n, seconds, ratio, result=None, **cells):
    """Add the row of a ratio with its limit."""
    if result is not None:
        cells["gap"] = gap(result)
    limit = LIMITS.get(name)
    bench.row(task=name, n=n, seconds=seconds, ratio=ratio, limit=limit, **cells)


def main():
    """Run everything and fail if a ratio is above its limit."""
    small = data(1000, ordered=True)
    fit_spline(*small, alpha=1e-3, tol=TOL)  # compile before the clock runs
    for call in (clarabel, splineops):
        call(*small, 1e-3)
    bench = Bench("univariate")
    one_fit, _ = speed(bench, 10**6)
    growth(bench)
    memory(bench)
    paths(bench, one_fit)
    orders(bench)
    dense(bench)
    peers(bench)
    bench.write()
    over = [r for r in bench.rows if r.get("limit") and r["ratio"] > r["limit"]]
    return f"above the limit: {over}" if over else None


if __name__ == "__main__":
    sys.exit(main())
