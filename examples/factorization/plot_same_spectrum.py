"""
One Hessian spectrum for all minimisers
=======================================

With weight decay the minimisers of deep matrix factorisation differ by rotations of the
hidden layers only, and the whole Hessian spectrum is known from the singular values of
the target. Without it, minimisers of one product range from flat to arbitrarily sharp.
"""

import matplotlib.pyplot as plt
import numpy as np

from splinear.factorization import (
    DeepMatrixFactorization,
    RegularizedMatrixFactorization,
    flattest_sharpness,
)

rng = np.random.default_rng(0)
M = 3.0 * rng.normal(size=(3, 3))
model = RegularizedMatrixFactorization(3, 0.3).fit(M)
spectrum = model.hessian_spectrum().to_array()
print(f"rank {model.rank_}, unique {model.is_unique_}, sharpness ", end="")
print(f"{model.sharpness():.6g}, trace {model.hessian_trace():.6g}")

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained")
worst = 0.0
for _ in range(20):
    net = DeepMatrixFactorization(model.sample_factors(rng), M, weight_decay=0.3)
    values = np.linalg.eigvalsh(net.hessian())[::-1]
    axes[0].plot(values, color="C0", alpha=0.2)
    worst = max(worst, np.abs(values - spectrum).max() / spectrum[0])
axes[0].plot(spectrum, "k.", ms=4, label="closed form")
axes[0].set(xlabel="index", ylabel="eigenvalue, with weight decay")
axes[0].legend()

layers = [W.copy() for W in model.sample_factors(rng)]
sharpness = []
for _ in range(300):
    G = np.eye(3) + 0.3 * rng.normal(size=(3, 3))
    moved = [G @ layers[0], layers[1] @ np.linalg.inv(G), layers[2]]
    sharpness.append(DeepMatrixFactorization(moved).sharpness().value)
least = flattest_sharpness(model.end_to_end_, 3)
axes[1].hist(np.log10(np.array(sharpness) / least), bins=40)
axes[1].set(xlabel="log10 of sharpness / flattest, without", ylabel="minimisers")
figure.savefig("same_spectrum.png", dpi=120)

# %%
# Second method: all eigenvalues of the whole Hessian, at twenty random minimisers.
print(f"largest difference from the closed form, relative: {worst:.1e}")
assert worst <= 1e-12
assert min(sharpness) >= least
