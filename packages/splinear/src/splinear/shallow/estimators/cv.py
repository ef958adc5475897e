"""Estimators that choose alpha by a cross-validation of the user's making."""

from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.model_selection import check_cv

from splinear.core.random import generator
from splinear.shallow._task import Task
from splinear.shallow.estimators.classifier import ShallowNetClassifier
from splinear.shallow.estimators.regressor import ShallowNetRegressor
from splinear.shallow.select import Choice, chosen, curve, path_grid

Array = NDArray[np.float64]


class _CrossValidated:
    """Replaces the choice of alpha: folds of `cv`, in parallel by joblib."""

    def _choice(self, task: Task, rng: Any) -> Choice:
        problem = task.problem
        alphas = path_grid(task, self.alphas, rng)
        stratify = isinstance(self, ShallowNetClassifier)
        labels = (
            problem.Y.argmax(axis=1) if problem.n_outputs > 1 else problem.Y[:, 0] > 0.5
        )
        folds = check_cv(self.cv, labels if stratify else None, classifier=stratify)
        pairs = list(folds.split(problem.X, labels))
        seeds = generator(rng).integers(2**31, size=len(pairs))
        curves = Parallel(n_jobs=self.n_jobs)(
            delayed(curve)(problem, train, test, alphas, self.max_neurons, int(seed))
            for (train, test), seed in zip(pairs, seeds, strict=True)
        )
        weights = [float(problem.w[test].sum()) for _, test in pairs]
        choice = chosen(task, alphas, curves, weights, self.max_neurons, rng)
        return choice


class ShallowNetRegressorCV(_CrossValidated, ShallowNetRegressor):
    """`ShallowNetRegressor` with alpha by cross-validation, folds in parallel.

    Parameters
    ----------
    alphas : (n,) array-like, optional
        Values to try; by default 24 from half of alpha_max down, ending early where
        the error rises.
    cv : int or splitter
        Folds, as in scikit-learn.
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
        self.verbose = verbose

    #: What `ShallowNetRegressor` asks whether to warn.
    alpha = "auto"


class ShallowNetClassifierCV(_CrossValidated, ShallowNetClassifier):
    """`ShallowNetClassifier` with alpha by cross-validation, folds in parallel.

    Parameters
    ----------
    alphas, cv, n_jobs
        As in `ShallowNetRegressorCV`; folds are stratified.
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
        self.verbose = verbose

    #: As in `ShallowNetRegressorCV`.
    alpha = "auto"
