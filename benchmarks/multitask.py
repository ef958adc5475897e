"""Multi-task lasso: our Gram solver, Gram included, beside scikit-learn.

``python benchmarks/multitask.py`` writes results/multitask.json and its table.  The
features are ReLU units of Gaussian data.  scikit-learn runs at the loosest of its
tolerances at which its objective agrees with ours to seven digits; both take their
turns in the same run, from the same C- (ours) or F-ordered (theirs) array.
"""

import sys

import numpy as np
from sklearn.linear_model import MultiTaskLasso

from _harness import Bench, interleaved
from splinear.core.multitask import lam_max, multitask_lasso

DIGITS = 1e-7
#: (N, K, D, lam / lam_max, least ratio of times that is claimed)
CASES = [
    (10000, 512, 10, 0.05, 2.5),
    (10000, 512, 10, 0.01, None),
    (5000, 256, 32, 0.05, None),
    (5000, 256, 128, 0.05, 10.0),
    (5000, 256, 128, 0.01, None),
]


def data(N, K, D):
    """Return Phi (K, N) and Psi (D, N)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, N))
    b = rng.normal(size=(K, 1))
    Phi = np.maximum(rng.normal(size=(K, 20)) @ X / np.sqrt(20) + b, 0.0)
    Psi = np.tanh(rng.normal(size=(D, 20)) @ X / 3.0) + 0.1 * rng.normal(size=(D, N))
    return Phi, Psi


def objective(Phi, Psi, coef, intercept, lam):
    """Return the objective of both from its definition."""
    rest = Psi - coef @ Phi - intercept[:, None]
    loss = 0.5 * np.sum(rest**2) / Phi.shape[1]
    return loss + lam * np.sum(np.linalg.norm(coef, axis=0))


def peer(Phi, Psi, lam, value):
    """Return scikit-learn's model at the loosest tolerance of seven digits."""
    for tol in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
        model = MultiTaskLasso(lam, tol=tol, max_iter=100_000).fit(Phi.T, Psi.T)
        its = objective(Phi, Psi, model.coef_, model.intercept_, lam)
        if abs(its - value) <= DIGITS * value:
            break
    return model, its


def case(bench, N, K, D, share, limit):
    """Time both on one problem."""
    Phi, Psi = data(N, K, D)
    lam = share * lam_max(Phi, Psi)
    result = multitask_lasso(Phi, Psi, lam)
    fit = result.value
    value = objective(Phi, Psi, fit.coef, fit.intercept, lam)
    model, its = peer(Phi, Psi, lam, value)
    rounds = 5 if limit else 3
    seconds = interleaved(
        rounds,
        ours=lambda: multitask_lasso(Phi, Psi, lam),
        peer=lambda: model.fit(Phi.T, Psi.T),
    )
    bench.row(
        task=f"N={N}, K={K}, D={D}, {share:g} lam_max",
        splinear=seconds["ours"],
        sklearn=seconds["peer"],
        ratio=seconds["peer"] / seconds["ours"],
        limit=limit,
        gap=result.certificate.gap,
        relative_gap=result.certificate.relative_gap,
        objective=f"{value:.9g}",
        sklearn_objective=f"{its:.9g}",
        difference=(its - value) / value,
        sklearn_tol=model.tol,
        active=fit.active.size,
    )


def main():
    """Run everything and fail if a ratio is below its limit or objectives differ."""
    small = data(200, 20, 2)
    multitask_lasso(*small, 0.1 * lam_max(*small))  # compile before the clock runs
    bench = Bench("multitask")
    for numbers in CASES:
        case(bench, *numbers)
    bench.write()
    low = [r for r in bench.rows if r["limit"] and r["ratio"] < r["limit"]]
    apart = [r for r in bench.rows if abs(r["difference"]) > DIGITS]
    return f"below the limit: {low}; apart: {apart}" if low or apart else None


if __name__ == "__main__":
    sys.exit(main())
