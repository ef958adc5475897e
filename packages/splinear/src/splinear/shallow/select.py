"""Choose alpha by validation along warm-started paths, and fit all rows with it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.shallow._problem import Neurons, Problem, replace_rows
from splinear.shallow._task import Task
from splinear.shallow.fit import alpha_max_of, threads_for
from splinear.shallow.sliding import Effort, Sliding, null_neurons

Array = NDArray[np.float64]

#: alpha / alpha_max along a path: four a factor of e, down to what interpolates.
RATIOS = np.geomspace(0.5, 5e-5, 24)
#: Rows up to which every row is validated on once; above, a fifth is held out.
FOLDS_UP_TO = 2500
#: Alphas without a better validated error after which a path ends.
PATIENCE = 4
#: What a path spends on an alpha: rounds, and the effort of each.
ROUNDS = 2
PATH = Effort(
    few=24, many=24, ascent=20, slide=50, add=16, merge=0.1, rows=1024, full=16
)


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen alpha, the network on all rows to start from, and the evidence."""

    alpha: float
    alpha_max: float
    start: Neurons
    alphas: Array  # (n,) decreasing, as far as they were validated
    errors: Array  # (n,) mean loss on held-out rows
    how: str


def choose_alpha(
    task: Task, max_neurons: int | None, rng: np.random.Generator
) -> Choice:
    """Validate along paths, then follow the path on all rows to the best alpha.

    Parameters
    ----------
    task : Task
        All rows.
    max_neurons : int, optional
        Paths end before they exceed it.
    rng : Generator
        Draws folds and starts.
    """
    problem = task.problem
    with threads_for(problem):
        top = alpha_max_of(task, replace(PATH, many=64), rng) / task.alpha_unit
        if top <= 0.0:
            return _nothing(task, "affine: no neuron would help")
        if problem.n < 10:
            return _without_validation(task, top, rng, max_neurons)
        alphas = top * RATIOS
        errors = _validated(problem, alphas, max_neurons, rng)
        best = int(np.argmin(errors))
        start = null_neurons(problem)
        for alpha in alphas[: best + 1]:
            start = _follow(problem.at(alpha), start, max_neurons, rng)
    how = "cross-validation" if problem.n <= FOLDS_UP_TO else "hold-out"
    if best == len(RATIOS) - 1:
        how += ", the smallest alpha tried"
    unit = task.alpha_unit
    shown = alphas[: len(errors)] * unit
    alpha = float(shown[best])
    return Choice(alpha, top * unit, start, shown, errors * task.unit, how)


def _nothing(task: Task, how: str) -> Choice:
    none = np.zeros(0)
    start = null_neurons(task.problem)
    return Choice(task.alpha_unit, 0.0, start, none, none, how)


def _without_validation(
    task: Task, top: float, rng: np.random.Generator, max_neurons: int | None
) -> Choice:
    """Take a tenth of alpha_max: of fewer than ten rows none can be held out."""
    alpha, none = 0.1 * top, np.zeros(0)
    start = _follow(task.problem.at(alpha), null_neurons(task.problem), max_neurons, rng)
    how = "a tenth of alpha_max: too few rows to hold any out"
    unit = task.alpha_unit
    return Choice(alpha * unit, top * unit, start, none, none, how)


def _validated(
    problem: Problem, alphas: Array, max_neurons: int | None, rng: np.random.Generator
) -> Array:
    """Return the mean validated loss of each alpha, up to where all paths got."""
    order = rng.permutation(problem.n)
    folds = 5 if problem.n <= FOLDS_UP_TO else 1
    parts = np.array_split(order, 5)[:folds]
    curves, weights = [], []
    for part in parts:
        train = np.sort(np.setdiff1d(order, part, assume_unique=True))
        test = np.sort(part)
        curves.append(_curve(problem, train, test, alphas, max_neurons, rng))
        weights.append(float(problem.w[test].sum()))
    shortest = min(len(curve) for curve in curves)
    table = np.array([curve[:shortest] for curve in curves])
    return np.average(table, axis=0, weights=weights)


def _curve(
    problem: Problem,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    alphas: Array,
    max_neurons: int | None,
    rng: np.random.Generator,
) -> Array:
    part, held = replace_rows(problem, train), replace_rows(problem, test)
    held.__dict__["skip_map"] = part.skip_map
    neurons, errors = null_neurons(part), []
    for alpha in alphas:
        neurons = _follow(part.at(alpha), neurons, max_neurons, rng)
        errors.append(held.mean_loss(held.predict(neurons)))
        full = max_neurons is not None and len(neurons.t) >= max_neurons
        if full or len(errors) - 1 - int(np.argmin(errors)) >= PATIENCE:
            break
    return np.array(errors)


def _follow(
    problem: Problem,
    neurons: Neurons,
    max_neurons: int | None,
    rng: np.random.Generator,
) -> Neurons:
    """Move along the path to another alpha: rounds without certificates."""
    method = Sliding(problem, neurons, 1e-2, PATH, rng, max_neurons)
    for _ in range(ROUNDS):
        following = method.rough_step(neurons)
        if following is None:
            break
        neurons = following
    return neurons
