"""
Two ways to an interval
=======================

A conformal interval has one width everywhere and a guarantee that needs no model of the
noise.  Two quantile fits follow noise that grows along the axis, but promise nothing
about new rows.  Both are drawn for the same data.
"""

import numpy as np
from matplotlib.figure import Figure

from splinear.univariate import AdaptiveSplineRegressor

rng = np.random.default_rng(0)


def draw(size):
    x = rng.uniform(0.0, 1.0, size)
    y = 2.0 * np.abs(x - 0.3) + (0.05 + 0.3 * x) * rng.standard_normal(size)
    return x, y


x, y = draw(400)
fresh_x, fresh_y = draw(4_000)

model = AdaptiveSplineRegressor(calibration=0.25).fit(x, y)
low, high = model.predict_interval(fresh_x, coverage=0.9).T
conformal = np.mean((low <= fresh_y) & (fresh_y <= high))

ends = [
    AdaptiveSplineRegressor(alpha=2e-3, loss="quantile", quantile=q).fit(x, y)
    for q in (0.05, 0.95)
]
between = (ends[0].predict(fresh_x) <= fresh_y) & (fresh_y <= ends[1].predict(fresh_x))
quantile = np.mean(between)
print(f"rows inside: conformal {conformal:.3f}, between quantile fits {quantile:.3f}")

figure = Figure(figsize=(7.0, 4.0), layout="constrained")
panel = figure.subplots()
grid = np.linspace(0.0, 1.0, 300)
panel.scatter(x, y, s=7, color="#8a8f98", alpha=0.6, linewidths=0)
panel.plot(grid, model.predict(grid), color="#1f5fa8", label="fit")
band = model.predict_interval(grid, coverage=0.9)
panel.fill_between(grid, *band.T, color="#1f5fa8", alpha=0.12, label="conformal, 90 %")
for end in ends:
    panel.plot(grid, end.predict(grid), color="#d1495b", linewidth=1.0)
panel.plot([], [], color="#d1495b", linewidth=1.0, label="quantiles 0.05 and 0.95")
panel.legend(frameon=False)
panel.spines[["top", "right"]].set_visible(False)
figure.savefig("intervals_and_quantiles.png", dpi=120)

# %%
# Second method for the conformal part: the order statistic by sorting.  With 100
# calibration rows the 91st smallest error is the radius, and the share of fresh rows
# inside is Beta(91, 10) around 0.9: within five standard deviations of 0.03.
radius = 0.5 * np.mean(high - low)
by_sorting = np.sort(model.calibration_scores_)[90]

assert abs(radius - by_sorting) < 1e-12
assert abs(conformal - 0.9) < 0.15
