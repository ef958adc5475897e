"""
Which columns bend the surface, and where?
==========================================

House-like data: a price rises with area, faster above a threshold that depends on
location, and falls with age until it levels off.  A network of least variation finds
the creases, says where each is in the units of the columns, and how far from the best
possible network it is.
"""

import matplotlib.pyplot as plt
import numpy as np

from splinear import ShallowNetRegressor

rng = np.random.default_rng(0)
n = 400
area, age = rng.uniform(30.0, 200.0, n), rng.uniform(0.0, 80.0, n)
truth = (
    1.0 * area + 1.5 * np.maximum(area - 120.0, 0.0) + 2.0 * np.maximum(40.0 - age, 0)
)
price = truth + 10.0 * rng.standard_normal(n)

X = np.column_stack([area, age])
model = ShallowNetRegressor(alpha=0.3).fit(X, price)
print(model.describe())
proof = model.certificate_
print(f"{proof.kind} certificate, relative gap {proof.relative_gap:.1e}")

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained")
for axis, column, name in zip(axes, (0, 1), ("area", "age"), strict=True):
    line = np.tile(X.mean(axis=0), (200, 1))
    line[:, column] = np.linspace(X[:, column].min(), X[:, column].max(), 200)
    axis.plot(line[:, column], model.predict(line))
    axis.set(xlabel=name, ylabel="price, other column at its mean")
figure.savefig("find_the_creases.png", dpi=120)

# %%
# Second method: the dual function at 400,000 fresh neurons.  None exceeds alpha by
# more than the certificate says, though the solver never saw these.
Z = (X - model.center_) / model.scale_
R = price - model.predict(X)
U = rng.standard_normal((1000, 2))
U /= np.linalg.norm(U, axis=1)[:, None]
largest = 0.0
for u in U:
    z = Z @ u
    order = np.argsort(z)
    # eta(u, t) = mean of r (z - t)_+, at every t where it can bend
    r, s = R[order], z[order]
    tail = np.cumsum(r[::-1])[::-1], np.cumsum((r * s)[::-1])[::-1]
    largest = max(largest, np.abs(tail[1] - s * tail[0]).max() / n)
print(
    f"largest |eta| / alpha over {U.shape[0] * n:,} fresh neurons: {largest / 0.3:.5f}"
)
assert largest <= 0.3 * (1.0 + 1e-3)
