"""Choose alpha by validation along warm-started paths, and fit all rows with it."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinear.core.random import generator
from splinear.core.threads import one_blas_thread
from splinear.shallow._problem import Neurons, Problem, replace_rows
from splinear.shallow._task import Task
from splinear.shallow.fit import alpha_max_of
from splinear.shallow.sliding import Effort, Sliding, null_neurons

Array = NDArray[np.float64]

#: alpha / alpha_max along a path: four a factor of e, down to what interpolates.
RATIOS = np.geomspace(0.5, 5e-5, 24)
#: Rows up to which every row is validated on once; above, a fifth is held out.
FOLDS_UP_TO = 2500
#: Rows that a path sees; of more, all rows are used near its best alpha alone.
SAMPLE = 10_000
#: Rows held out at most.
HELD = 50_000
#: Alphas without a better validated error after which a path ends.
PATIENCE = 4
#: What a path spends on an alpha: rounds, and the effort of each.
ROUNDS = 2
PATH = Effort(
    few=16,
    many=16,
    ascent=12,
    slide=30,
    add=16,
    merge=0.1,
    rows=1024,
    full=16,
    correct=1e-6,
)
#: The same on all of many rows, for what a sample has found already.
WHOLE = replace(PATH, full=4, full_ascent=3, slide=20)


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen alpha, the network on all rows to start from, and the evidence."""

    alpha: float
    alpha_max: float
    start: Neurons | None  # None: from the skip connection
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
    alphas = path_grid(task, None, rng)
    if alphas.size == 0:
        return _nothing(task, "affine: no neuron would help")
    if problem.n < 10:
        return _without_validation(task, 2.0 * alphas[0], rng, max_neurons)
    if problem.n > SAMPLE:
        return _choose_on_samples(task, alphas, max_neurons, rng)
    order = rng.permutation(problem.n)
    folds = 5 if problem.n <= FOLDS_UP_TO else 1
    parts = [np.sort(part) for part in np.array_split(order, 5)[:folds]]
    curves = [
        curve(problem, np.setdiff1d(order, test), test, alphas, max_neurons, rng)
        for test in parts
    ]
    weights = [float(problem.w[test].sum()) for test in parts]
    return chosen(task, alphas, curves, weights, max_neurons, rng)


def _choose_on_samples(
    task: Task, alphas: Array, max_neurons: int | None, rng: np.random.Generator
) -> Choice:
    """Follow the path on a sample, then on all rows from its best alpha down."""
    problem = task.problem
    order = rng.permutation(problem.n)
    test, train = np.split(order, [min(problem.n // 5, HELD)])
    held = replace_rows(problem, np.sort(test))
    errors, best = np.zeros(0), 0
    neurons = null_neurons(problem)
    for rows, patience in ((train[:SAMPLE], PATIENCE), (train, 1)):
        part = replace_rows(problem, np.sort(rows))
        start = replace(neurons, S=null_neurons(part).S)
        path = _path(part, held, alphas[best:], start, max_neurons, patience, rng)
        errors = np.concatenate([errors[:best], path.errors])
        best += path.best
        neurons = path.neurons
    start = replace(neurons, S=null_neurons(problem).S)
    return _choice(task, alphas, errors, best, start, "hold-out")


def path_grid(task: Task, alphas: Any, rng: np.random.Generator) -> Array:
    """Return decreasing alphas of the problem: the user's, or 24 below alpha_max.

    Parameters
    ----------
    task : Task
        All rows.
    alphas : array-like or None
        In the units of the user.
    rng : Generator
        Draws starts.

    Raises
    ------
    ValueError
        If an alpha is not positive.
    """
    if alphas is not None:
        values = np.sort(np.asarray(alphas, dtype=np.float64).ravel())[::-1]
        if values.size == 0 or not (np.isfinite(values).all() and values[-1] > 0.0):
            raise ValueError(f"alphas must be finite numbers > 0; got {alphas!r}")
        return values / task.alpha_unit
    with one_blas_thread():
        top = alpha_max_of(task, replace(PATH, many=64), rng) / task.alpha_unit
    return top * RATIOS if top > 0.0 else np.zeros(0)


def chosen(
    task: Task,
    alphas: Array,
    curves: list[Array],
    weights: list[float],
    max_neurons: int | None,
    rng: np.random.Generator,
) -> Choice:
    """Average the curves, take the best alpha, and follow the path on all rows.

    Parameters
    ----------
    task : Task
        All rows.
    alphas : (n,) array, decreasing
        In the units of the problem.
    curves : list of arrays
        Held-out losses of each fold, as far as its path went.
    weights : list of float
        Of the folds.
    max_neurons : int, optional
        Paths end before they exceed it.
    rng : Generator
        Draws starts.
    """
    longest = max((len(errors) for errors in curves), default=0)
    if longest == 0:
        return _nothing(task, "affine: no neuron would help")
    # A path that ended stays at its last error, which had been rising: ending all at
    # the shortest would hide the best alpha where one fold ends early.
    table = [np.pad(errors, (0, longest - len(errors)), "edge") for errors in curves]
    errors = np.average(table, axis=0, weights=weights)
    best, start = int(np.argmin(errors)), null_neurons(task.problem)
    with one_blas_thread():
        for alpha in alphas[: best + 1]:
            start = _follow(task.problem.at(alpha), start, max_neurons, rng)
    how = "cross-validation" if len(curves) > 1 else "hold-out"
    return _choice(task, alphas, errors, best, start, how)


def _choice(
    task: Task, alphas: Array, errors: Array, best: int, start: Neurons, how: str
) -> Choice:
    if best == len(alphas) - 1:
        how += ", the smallest alpha tried"
    unit = task.alpha_unit
    top = float(alphas[0] / RATIOS[0]) * unit
    shown = alphas[: len(errors)] * unit
    return Choice(float(shown[best]), top, start, shown, errors * task.unit, how)


def _nothing(task: Task, how: str) -> Choice:
    none = np.zeros(0)
    start = null_neurons(task.problem)
    return Choice(task.alpha_unit, 0.0, start, none, none, how)


def _without_validation(
    task: Task, top: float, rng: np.random.Generator, max_neurons: int | None
) -> Choice:
    """Take a tenth of alpha_max: of fewer than ten rows none can be held out."""
    alpha, none = 0.1 * top, np.zeros(0)
    start = _follow(
        task.problem.at(alpha), null_neurons(task.problem), max_neurons, rng
    )
    how = "a tenth of alpha_max: too few rows to hold any out"
    unit = task.alpha_unit
    return Choice(alpha * unit, top * unit, start, none, none, how)


def curve(
    problem: Problem,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    alphas: Array,
    max_neurons: int | None,
    rng: Any,
) -> Array:
    """Return the losses on `test` along a path on `train`, until they rise.

    Parameters
    ----------
    problem : Problem
        All rows.
    train, test : int arrays
        Rows.
    alphas : (n,) array, decreasing
        In the units of the problem.
    max_neurons : int, optional
        The path ends before it exceeds it.
    rng : int or Generator
        Draws starts.
    """
    rng = generator(rng)
    part, held = replace_rows(problem, train), replace_rows(problem, test)
    start = null_neurons(part)
    return _path(part, held, alphas, start, max_neurons, PATIENCE, rng).errors


class _Path(NamedTuple):
    """Held-out losses, the index of the least, and the network there."""

    errors: Array
    best: int
    neurons: Neurons


def _path(
    part: Problem,
    held: Problem,
    alphas: Array,
    neurons: Neurons,
    max_neurons: int | None,
    patience: int,
    rng: np.random.Generator,
) -> _Path:
    """Follow a path until `patience` alphas in a row bring nothing."""
    held.__dict__["skip_map"] = part.skip_map
    held.__dict__.pop("_whole_basis", None)
    errors, best = [], neurons
    with one_blas_thread():
        for alpha in alphas:
            neurons = _follow(part.at(alpha), neurons, max_neurons, rng)
            errors.append(held.mean_loss(held.predict(neurons)))
            least = int(np.argmin(errors))
            best = neurons if least == len(errors) - 1 else best
            full = max_neurons is not None and len(neurons.t) >= max_neurons
            if full or len(errors) - 1 - least >= patience:
                break
    return _Path(np.array(errors), int(np.argmin(errors)), best)


def _follow(
    problem: Problem,
    neurons: Neurons,
    max_neurons: int | None,
    rng: np.random.Generator,
) -> Neurons:
    """Move along the path to another alpha: rounds without certificates."""
    large = problem.n > SAMPLE
    effort = WHOLE if large else PATH
    method = Sliding(problem, neurons, 1e-2, effort, rng, max_neurons)
    for _ in range(1 if large else ROUNDS):
        following = method.rough_step(neurons)
        if following is None:
            break
        neurons = following
    return neurons
