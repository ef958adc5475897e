"""
What is a random neural network before training?
================================================

Random ReLU networks at growing rate. With Gaussian weights they tend to a smooth-looking
Gaussian field, with heavy-tailed weights a few creases dominate at every rate: the same
architecture, two different priors.
"""

import matplotlib.pyplot as plt
import numpy as np

from splinear.processes import (
    CenteredBox,
    RandomReLUProcess,
    SymmetricStable,
    plot_realisation,
)

square = CenteredBox(np.ones(2))
figure, axes = plt.subplots(2, 4, figsize=(13.0, 6.0), layout="constrained")
for row, alpha in zip(axes, (2.0, 1.25), strict=True):
    unit = RandomReLUProcess(2, rate=1.0, weight_law=SymmetricStable(alpha))
    for ax, rate in zip(row, (1.0, 10.0, 100.0, 1000.0), strict=True):
        net = unit.at_rate(rate).sample(square, random_state=0)
        plot_realisation(net, ax, pixels=150)
        ax.set_title(f"alpha {alpha:g}: {net.n_neurons:,} neurons", fontsize=9)
figure.savefig("realisations.png", dpi=120)

# %%
# Second method: the last network, every neuron at every point.  And enlarged to twice
# the square, it is the same function on the first.
X = np.random.default_rng(1).uniform(-1.0, 1.0, (500, 2))
naive = np.maximum(X @ net.directions.T - net.thresholds, 0.0) @ net.weights
error = np.abs(net(X) - naive).max() / np.abs(naive).max()
larger = net.extend(CenteredBox(np.full(2, 2.0)), random_state=2)
print(f"relative error {error:.1e}; enlarged: {larger}")
assert error < 1e-11 and np.array_equal(larger(X), net(X))  # noqa: PT018
