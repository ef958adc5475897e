"""
Where does the trend bend?
==========================

Two years of daily readings rise, fall after a fault and recover.  A smoothing spline
spreads its bends over the whole time; the fit here has a few knots, each with a date,
and comes with a proof that no other function does better.

The proof is drawn beneath the fit: the dual function stays between its bounds, and
every knot sits where it touches one of them.
"""

import numpy as np

from splinear.univariate import AdaptiveSplineRegressor, Spline

rng = np.random.default_rng(0)
days = np.datetime64("2024-01-01") + np.arange(731)
true_knots = [200.0, 260.0, 520.0]
truth = Spline.from_values([0.0, *true_knots, 730.0], [2.0, 6.0, 3.0, 4.0, 8.0])
readings = truth(np.arange(731.0)) + 0.5 * rng.standard_normal(731)

# Prediction is served by the default hold-out, with many small bends; BIC counts them.
model = AdaptiveSplineRegressor(alpha="bic").fit(days, readings)
first_day = (days[0] - np.datetime64("1970-01-01")).astype(int)
for knot, jump in zip(model.knots_ - first_day, model.coef_, strict=True):
    print(f"day {knot:5.1f}: slope changes by {jump:+.4f} per day")
print(f"relative gap {model.certificate_.relative_gap:.1e}")

figure = model.plot()
figure.axes[0].set_ylabel("reading")
figure.savefig("find_the_bends.png", dpi=120)

# %%
# Second method: the definition of the dual function, row by row.  The gap that follows
# from it is an upper bound on the distance to the optimum, whoever computed the fit.
x = first_day + np.arange(731.0)
residual = readings - model.spline_(x)
eta = np.array([residual[x > t] @ (x[x > t] - t) for t in x]) / (731 * model.alpha_)
at_knots = np.array([residual[x > t] @ (x[x > t] - t) for t in model.knots_])
at_knots /= 731 * model.alpha_
found = [np.min(np.abs(model.knots_ - first_day - knot)) for knot in true_knots]
print("from each true bend to the nearest knot, in days:", np.round(found, 1))

assert max(found) < 14.0
assert np.max(np.abs(eta)) < 1.0 + 1e-6
assert np.max(np.abs(at_knots - np.sign(model.coef_))) < 1e-6
