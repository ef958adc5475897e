"""
How far does a random network remember itself?
==============================================

Its covariance in closed form, beside simulation. The constant that was published is too
small by the factor 2 (2 pi)^(d - 1), 12.6 in two dimensions: the simulation sees that.
"""

import matplotlib.pyplot as plt
import numpy as np

from splinear.processes import RandomReLUProcess

process, draws = RandomReLUProcess(dim=2, rate=1.0), 20_000
angles = np.linspace(0.0, np.pi, 13)
X = np.column_stack([np.cos(angles), np.sin(angles)])
s = process.simulate(X, draws, random_state=0)
seen = s[:, [0]] * s
closed = process.covariance(X[:1], X)[0]
deviation = seen.std(axis=0) / np.sqrt(draws)

figure, ax = plt.subplots(figsize=(5.0, 3.5), layout="constrained")
degrees = np.degrees(angles)
ax.errorbar(degrees, seen.mean(axis=0), 2.0 * deviation, fmt="o", label="simulation")
ax.plot(degrees, closed, label="closed form")
ax.plot(degrees, closed / (4.0 * np.pi), "--", label="published constant")
ax.set(xlabel="angle between two points of the unit circle", ylabel="covariance")
ax.legend()
figure.savefig("covariance.png", dpi=120)

# %%
# Second method: deviations of the simulated means from the formula.
z = (seen.mean(axis=0) - closed) / deviation
z_published = (seen.mean(axis=0) - closed / (4.0 * np.pi)) / deviation
print(
    f"|z| of the closed form {np.abs(z).max():.1f}, of the published one "
    f"{np.abs(z_published).max():.0f}"
)
assert np.abs(z).max() <= 4.0 < 40.0 < np.abs(z_published).max()
