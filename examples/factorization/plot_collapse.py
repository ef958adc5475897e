"""
Weight decay collapses the rank, with a jump from depth 3 on
============================================================

Each singular value of the best product shrinks with weight decay, and is zero beyond a
threshold known in closed form. At depth 2 it gets there continuously; from depth 3 on
it jumps. The Hessian is the same at every minimiser, so that its largest eigenvalue and
its trace are functions of weight decay too.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize_scalar

from splinear.factorization import (
    RegularizedMatrixFactorization,
    rank_breakpoints,
    regularization_path,
)

M = np.diag([2.0, 1.2, 0.7])
lams = np.linspace(0.01, 2.2, 400)
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained")
paths = {}
for L, color in ((2, "C0"), (3, "C1"), (5, "C2")):
    paths[L] = path = regularization_path(M, L, lams)
    for j, breakpoint in enumerate(rank_breakpoints(M, L)):
        label = f"depth {L}" if j == 0 else None
        axes[0].plot(lams, path.singular_values[:, j], color=color, label=label)
        axes[0].axvline(breakpoint, ymax=0.04, color=color)
    sharpness = [
        RegularizedMatrixFactorization(L, float(lam)).fit(M).sharpness() for lam in lams
    ]
    axes[1].plot(lams, sharpness, color=color)
    print(f"depth {L}: rank falls at {rank_breakpoints(M, L).round(4)}")
axes[0].set(xlabel="weight decay", ylabel="singular values of the product")
axes[0].legend()
axes[1].set(xlabel="weight decay", ylabel="sharpness of every minimiser")
figure.savefig("collapse.png", dpi=120)

# %%
# Second method: minimise (s - sigma)^2 + L lam s^(2/L) over s numerically, on both sides
# of where the curve can have its minimum: at zero, and by Brent's method above it.
worst = 0.0
for L, path in paths.items():
    for lam, s in zip(lams[::20], path.singular_values[::20], strict=True):
        for sigma, ours in zip(np.diag(M), s, strict=True):

            def g(value, sigma=sigma, lam=lam, L=L):
                return (value - sigma) ** 2 + L * lam * value ** (2.0 / L)

            inside = minimize_scalar(g, bounds=(0.3 * sigma, sigma), method="bounded")
            worst = max(worst, g(ours) - min(inside.fun, g(0.0)))
print(f"closed form above the best found by {worst:.1e}")
assert worst <= 1e-12
