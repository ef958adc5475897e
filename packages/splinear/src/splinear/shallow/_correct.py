"""The corrective step: the best coefficients of given neurons, to rounding.

Squared loss is a group lasso on the Gram matrix of the activations, orthogonal to the
skip connection. Other losses are fitted by a sequence of those: curvature of the loss
as weights, the step shortened until the objective falls (proximal Newton).
"""

import numpy as np
from numpy.typing import NDArray

from splinear.core.multitask import solve_gram
from splinear.shallow._problem import Neurons, Problem, blocks

Array = NDArray[np.float64]


def correct(problem: Problem, neurons: Neurons, tol: float = 1e-13) -> Neurons:
    """Minimise over coefficients and skip connection; drop what becomes zero."""
    if problem.loss.degree == 2 and problem.loss.name == "squared":
        found = _squared(problem, neurons, tol)
    else:
        found = _newton(problem, neurons, tol)
    return found.take(found.sizes > 0.0)


def _squared(problem: Problem, neurons: Neurons, tol: float) -> Neurons:
    """Least squares with the penalty; the skip connection follows."""
    G, C, y2, M, c = problem.normal_equations(neurons)
    level = problem.alpha * problem.atoms.unit_cost
    found = solve_gram(G, C, y2, level, start=neurons.A, tol=tol)
    return Neurons(neurons.U, neurons.t, found.coef, c - M @ found.coef)


def _newton(problem: Problem, neurons: Neurons, tol: float) -> Neurons:
    """Proximal Newton with one curvature per row, steps halved until they help."""
    F = problem.predict(neurons)
    value = problem.objective(neurons, F)
    for _ in range(60):
        new = _model_step(problem, neurons, F, max(0.1 * tol, 1e-12))
        F_new = problem.predict(new)
        neurons_new, F_new, value_new = _shortened(
            problem, neurons, F, value, new, F_new
        )
        if not value_new < value:
            break
        gain, value = value - value_new, value_new
        neurons, F = neurons_new, F_new
        if gain <= tol * abs(value):
            break
    return neurons


def _model_step(problem: Problem, neurons: Neurons, F: Array, tol: float) -> Neurons:
    """Minimise the quadratic model at F over coefficients and skip connection."""
    K, r = len(neurons.t), problem.skip_map.shape[1]
    h = _positive(problem.loss.curvature(problem.Y, F), problem.loss.max_curvature)
    Z = F + problem.loss.pull(problem.Y, F) / h[:, None]
    G, C, y2 = np.zeros((K + r, K + r)), np.zeros((K + r, F.shape[1])), 0.0
    for rows in blocks(problem.n, K + r):
        root = np.sqrt(problem.w[rows] * h[rows])[:, None]
        Phi = root * np.column_stack(
            [problem.features(neurons, rows), problem.basis(rows)]
        )
        T = root * Z[rows]
        G += Phi.T @ Phi
        C += Phi.T @ T
        y2 += float(np.vdot(T, T))
    weights = np.concatenate([np.ones(K), np.zeros(r)])
    level = problem.alpha * problem.atoms.unit_cost
    start = np.vstack([neurons.A, neurons.S])
    found = solve_gram(G, C, y2, level, weights, start=start, tol=tol, max_iter=20).coef
    return Neurons(neurons.U, neurons.t, found[:K], found[K:])


def _positive(h: Array, bound: float) -> Array:
    """Keep curvatures off zero; where the loss is flat all over, take its bound."""
    top = float(h.max())
    if top <= 0.0:
        return np.full(h.shape, bound if np.isfinite(bound) else 1.0)
    return np.maximum(h, 1e-6 * top)


def _shortened(
    problem: Problem,
    old: Neurons,
    F: Array,
    value: float,
    new: Neurons,
    F_new: Array,
) -> tuple[Neurons, Array, float]:
    """Halve the step until the objective falls; it is convex along it."""
    step = 1.0
    for _ in range(30):
        A = old.A + step * (new.A - old.A)
        S = old.S + step * (new.S - old.S)
        between = Neurons(old.U, old.t, A, S)
        F_between = F + step * (F_new - F)
        value_between = problem.objective(between, F_between)
        if value_between < value:
            return between, F_between, value_between
        step *= 0.5
    return old, F, value
