"""
Gradient descent leaves a minimum that is too sharp
===================================================

Started 1e-9 beside a minimum of depth 3, gradient descent with a step just above
2 / sharpness leaves it along the top eigenvector, at a time known in advance, and
settles at a flatter minimum of the same product.
"""

import matplotlib.pyplot as plt
import numpy as np

from splinear.factorization import (
    DeepMatrixFactorization,
    flattest_sharpness,
    simulate_escape,
)

layers = [[[1, 2], [0, 1]], [[1, 0], [1, 1]], [[2, 0], [-1, 1]]]
net = DeepMatrixFactorization(layers)
print(f"sharpness {net.sharpness().value:.6g}, of the flattest ", end="")
print(f"{flattest_sharpness(net.target, 3):.6g}")

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained")
runs = {}
for rho in (1.02, 1.05, 1.2):
    step = rho * net.max_stable_step_size()
    record = ("distance", "projection", "sharpness")
    runs[rho] = run = simulate_escape(layers, step, 600, record=record)
    path = run.trajectory
    axes[0].semilogy(path.distance, label=f"{rho} of the largest stable step")
    axes[0].axvline(run.predicted_time, color="0.7", lw=0.8)
    axes[1].plot(path.sharpness_steps, path.sharpness)
    axes[1].axhline(2.0 / step, color="0.7", lw=0.8, ls="--")
    print(f"rho {rho}: at 1e-3 after {run.time} steps, ", end="")
    print(
        f"predicted {run.predicted_time:.1f}; ends at {run.final_sharpness:.4g}, ",
        end="",
    )
    print(f"2 / step {2.0 / step:.4g}")
axes[0].axhline(1e-3, color="0.7", lw=0.8)
axes[0].set(xlabel="step", ylabel="distance from the minimum")
axes[0].legend()
axes[1].axhline(flattest_sharpness(net.target, 3), color="k", lw=0.8)
axes[1].set(xlabel="step", ylabel="sharpness (dashed: 2 / step; black: flattest)")
figure.savefig("escape.png", dpi=120)

# %%
# Second method: the sharpness where the run ended, from the gradient alone, by power
# iteration on its differences.
run = runs[1.2]
end = DeepMatrixFactorization(run.trajectory.weights, net.target)
x = np.random.default_rng(0).normal(size=end.n_parameters)
at = end.flatten(end.weights)


def slope(point):
    parts = np.split(point, [4, 8])
    moved = DeepMatrixFactorization([p.reshape(2, 2) for p in parts], net.target)
    return moved.flatten(moved.gradient())


for _ in range(200):
    x /= np.linalg.norm(x)
    Hx = (slope(at + 1e-5 * x) - slope(at - 1e-5 * x)) / 2e-5
    value, x = x @ Hx, Hx
print(f"by differences of the gradient {value:.8g}, in closed form ", end="")
print(f"{run.final_sharpness:.8g}")
assert abs(value - run.final_sharpness) <= 1e-6 * value
assert value < 2.0 / step
