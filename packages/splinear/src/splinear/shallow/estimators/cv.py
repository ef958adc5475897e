"""Estimators that choose alpha by a cross-validation of the user's making."""

from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, StratifiedKFold, check_cv

from splinear.shallow._problem import Problem
from splinear.shallow._task import Task
from splinear.shallow.estimators import _rows
from splinear.shallow.estimators._base import NetEstimator
from splinear.shallow.estimators.classifier import ShallowNetClassifier
from splinear.shallow.estimators.regressor import ShallowNetRegressor
from splinear.shallow.fit import alpha_max_of, effort_for
from splinear.shallow.select import Choice, chosen, curve, path_grid

Array = NDArray[np.float64]
Fold = tuple[Problem, NDArray[np.intp], NDArray[np.intp]]


class _CrossValidated(NetEstimator):
    """Replaces the choice of alpha: folds of `cv`, in parallel by joblib."""

    alphas: Any
    cv: Any
    n_jobs: int | None

    def _fit_rows(self, X: Array, Y: Array, w: Array | None, loss: str) -> None:
        """Split the rows of the user, while they still are in the user's order."""
        self._splits = None
        if self.cv is not None and not isinstance(self.cv, Integral):
            folds = check_cv(self.cv)
            rows = _rows.merging(X, Y, w)
            self._splits = [
                (rows.weights_of(train), rows.weights_of(test))
                for train, test in folds.split(X, labels_of(Y))
            ]
        super()._fit_rows(X, Y, w, loss)
        del self._splits

    def _choice(self, task: Task, rng: Any) -> Choice:
        problem = task.problem
        alphas = path_grid(task, self.alphas, rng)
        folds = self._folds(problem, rng)
        seeds = rng.integers(2**31, size=len(folds))
        curves = Parallel(n_jobs=self.n_jobs)(
            delayed(curve)(both, train, test, alphas, self.max_neurons, int(seed))
            for (both, train, test), seed in zip(folds, seeds, strict=True)
        )
        weights = [float(both.w[test].sum()) for both, _, test in folds]
        choice = chosen(task, alphas, curves, weights, self.max_neurons, rng)
        if self.alphas is None:
            return choice
        effort = effort_for(problem, self.certificate, self.n_starts)
        return replace(choice, alpha_max=alpha_max_of(task, effort, rng))

    def _folds(self, problem: Problem, rng: np.random.Generator) -> list[Fold]:
        if self._splits is not None:
            return [_stacked(problem, *weights) for weights in self._splits]
        # Merged rows are sorted: folds in their order would ask for extrapolation.
        count = 5 if self.cv is None else int(self.cv)
        labels = labels_of(problem.Y)
        # A class with fewer distinct rows than folds cannot be in every fold.
        smallest = np.unique(labels, return_counts=True)[1].min()
        spread = is_classifier(self) and smallest >= count
        kind = StratifiedKFold if spread else KFold
        folds = kind(count, shuffle=True, random_state=int(rng.integers(2**31)))
        return [(problem, *pair) for pair in folds.split(problem.X, labels)]


def labels_of(Y: Array) -> NDArray[Any]:
    """Return what folds are stratified by, (N,)."""
    return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0] > 0.5


def _stacked(problem: Problem, train: Array, test: Array) -> Fold:
    """Stack the rows twice: a row may count in both parts, with its weights there."""
    w = np.concatenate([train, test])
    both = replace(
        problem,
        X=np.vstack([problem.X, problem.X]),
        Y=np.vstack([problem.Y, problem.Y]),
        w=w / w.sum(),
    )
    rows = np.flatnonzero(w > 0.0)
    return both, rows[rows < problem.n], rows[rows >= problem.n]


class ShallowNetRegressorCV(_CrossValidated, ShallowNetRegressor):
    """`ShallowNetRegressor` with alpha by cross-validation, folds in parallel.

    Parameters
    ----------
    alphas : (n,) array-like, optional
        Values to try; by default 24 from half of alpha_max down, ending early where
        the error rises.
    cv : int, splitter or iterable of (train, test)
        A number shuffles distinct rows into so many folds; all else splits the rows as
        they came.
    n_jobs : int, optional
        Folds at once, by joblib: within ``joblib.parallel_config("dask")`` they run on
        the cluster.
    **options
        As in `ShallowNetRegressor`, without alpha.

    Attributes
    ----------
    alphas_, validation_errors_ : arrays
        What was tried, and the mean loss on held-out rows.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(100, 2))
    >>> y = np.abs(X[:, 0]) + 0.1 * np.random.default_rng(1).normal(size=100)
    >>> model = ShallowNetRegressorCV(cv=3).fit(X, y)
    >>> bool(model.score(X, y) > 0.8)
    True
    """

    def __init__(
        self,
        alphas: Any = None,
        *,
        cv: Any = 5,
        n_jobs: int | None = None,
        loss: str = "squared",
        quantile: float = 0.5,
        delta: float = 1.0,
        activation: Any = "relu",
        order: int | None = None,
        output_coupling: str = "joint",
        scaling: Any = "standard",
        max_neurons: int | None = 100,
        certificate: str = "auto",
        n_starts: int = 128,
        tol: float = 1e-3,
        max_iter: int = 30,
        warm_start: bool = False,
        random_state: Any = 0,
        device: Any = None,
        verbose: bool | str = "auto",
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.n_jobs = n_jobs
        self.loss = loss
        self.quantile = quantile
        self.delta = delta
        self.activation = activation
        self.order = order
        self.output_coupling = output_coupling
        self.scaling = scaling
        self.max_neurons = max_neurons
        self.certificate = certificate
        self.n_starts = n_starts
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    #: What `ShallowNetRegressor` asks whether to warn.
    alpha = "auto"


class ShallowNetClassifierCV(_CrossValidated, ShallowNetClassifier):
    """`ShallowNetClassifier` with alpha by cross-validation, folds in parallel.

    Parameters
    ----------
    alphas, cv, n_jobs
        As in `ShallowNetRegressorCV`; the folds of a number are stratified.
    **options
        As in `ShallowNetClassifier`, without alpha.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(100, 2))
    >>> model = ShallowNetClassifierCV(cv=3).fit(X, np.abs(X[:, 0]) > 0.5)
    >>> bool(model.score(X, np.abs(X[:, 0]) > 0.5) > 0.8)
    True
    """

    def __init__(
        self,
        alphas: Any = None,
        *,
        cv: Any = 5,
        n_jobs: int | None = None,
        activation: Any = "relu",
        order: int | None = None,
        scaling: Any = "standard",
        max_neurons: int | None = 100,
        certificate: str = "auto",
        n_starts: int = 128,
        tol: float = 1e-3,
        max_iter: int = 30,
        warm_start: bool = False,
        random_state: Any = 0,
        device: Any = None,
        verbose: bool | str = "auto",
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.n_jobs = n_jobs
        self.activation = activation
        self.order = order
        self.scaling = scaling
        self.max_neurons = max_neurons
        self.certificate = certificate
        self.n_starts = n_starts
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    #: As in `ShallowNetRegressorCV`.
    alpha = "auto"
