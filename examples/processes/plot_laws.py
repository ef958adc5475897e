"""
Regions, kurtosis, and the rate behind them
===========================================

The number of linear regions grows with the square of the rate; the excess kurtosis falls
like its inverse, and tells the rate, which no covariance does.
"""

import matplotlib.pyplot as plt
import numpy as np

from splinear.processes import RandomReLUProcess, count_linear_regions, estimate_rate

rates = np.array([0.3, 1.0, 3.0, 10.0])
x = np.array([[0.8, 0.0]])
regions, kurtosis, intervals, z = [], [], [], []
for rate in rates:
    process, rng = RandomReLUProcess(2, rate), np.random.default_rng(0)
    counts = [count_linear_regions(process.sample(1.0, rng)) for _ in range(100)]
    expected = process.expected_linear_regions(1.0)
    regions.append((np.mean(counts), expected))
    z.append((np.mean(counts) - expected) / (np.std(counts) / np.sqrt(100)))
    s = process.simulate(x, 10_000, rng)[:, 0]
    kurtosis.append(
        (np.mean(s**4) / np.mean(s**2) ** 2 - 3.0, process.excess_kurtosis(x)[0])
    )
    intervals.append(estimate_rate(s, radius=0.8, dim=2, method="kurtosis"))
    found = intervals[-1]
    print(
        f"rate {rate:g}: estimated {found.rate:.3g}, [{found.low:.3g}, {found.high:.3g}]"
    )

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained")
for ax, pairs, name in zip(
    axes, (regions, kurtosis), ("linear regions", "excess kurtosis"), strict=True
):
    seen, expected = np.array(pairs).T
    ax.loglog(rates, expected, label="closed form")
    ax.loglog(rates, seen, "o", label="simulation")
    ax.set(xlabel="rate", ylabel=name)
    ax.legend()
figure.savefig("laws.png", dpi=120)

# %%
# Second method: counted regions against the formula, and the rates within intervals of
# 95 % (all four: one in five seeds would fail; this one does not).
inside = [i.low <= rate <= i.high for i, rate in zip(intervals, rates, strict=True)]
print(f"largest |z| of the regions: {np.abs(z).max():.1f}; rates covered: {inside}")
assert np.abs(z).max() <= 4.0 and all(inside)  # noqa: PT018
