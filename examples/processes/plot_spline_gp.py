"""
A cubic spline that knows its doubt
===================================

`CubicSplineGP` has SciPy's cubic spline of scattered data as its mean. Being a Gaussian
process it also chooses the smoothing by likelihood, and says how far it can be trusted.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.interpolate import RBFInterpolator

from splinear.processes import CubicSplineGP

rng = np.random.default_rng(0)
x = np.sort(np.concatenate([rng.uniform(0.0, 4.0, 40), rng.uniform(6.0, 10.0, 40)]))
y = np.sin(x) + 0.3 * x + 0.2 * rng.standard_normal(x.size)
model = CubicSplineGP().fit(x[:, None], y)
print(f"noise {model.noise_**0.5:.3f} (true 0.2), smoothing {model.smoothing_:.3g}")

t = np.linspace(-1.0, 11.0, 400)
mean, std = model.predict(t[:, None], return_std=True)
figure, ax = plt.subplots(figsize=(7.0, 3.5), layout="constrained")
ax.fill_between(t, mean - 2.0 * std, mean + 2.0 * std, alpha=0.25)
ax.plot(t, mean)
ax.plot(t, model.sample_y(t[:, None], 5, random_state=0), linewidth=0.5, color="gray")
ax.plot(x, y, ".", color="black", markersize=3)
ax.set(xlabel="x", ylabel="y, mean, two deviations, five draws")
figure.savefig("spline_gp.png", dpi=120)

# %%
# Second method: SciPy's interpolator at the smoothing that the likelihood chose.
rbf = RBFInterpolator(
    x[:, None], y, kernel="cubic", degree=1, smoothing=model.smoothing_
)
difference = np.abs(mean - rbf(t[:, None])).max()
print(f"largest difference of the means {difference:.1e}")
assert difference < 1e-9
