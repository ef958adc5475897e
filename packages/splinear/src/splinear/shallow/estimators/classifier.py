"""The sparsest shallow network of log-odds, as a scikit-learn classifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_X_y

from splinear.shallow.estimators import _rows
from splinear.shallow.estimators._base import NetEstimator

Array = NDArray[np.float64]


class ShallowNetClassifier(ClassifierMixin, NetEstimator):
    """Classification by the shallow network of least variation.

    Two classes by the logistic loss of one output, more by the multinomial loss of one
    output a class, whose neurons are shared. Labels are softened as Platt did [1]_: a
    row of a class of weight n counts as (n + 1) / (n + 2) of it, so that classes that
    an affine function separates have finite log-odds.

    Parameters
    ----------
    alpha, activation, order, scaling, max_neurons, certificate, n_starts, tol, max_iter, warm_start, random_state, device, verbose
        As in `ShallowNetRegressor`.

    Attributes
    ----------
    classes_ : (C,) array
        Labels, sorted.
    net_, certificate_, alpha_, ...
        As in `ShallowNetRegressor`; the outputs of `net_` are log-odds or scores.

    References
    ----------
    .. [1] J. Platt, Advances in Large Margin Classifiers, 1999, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(300, 2))
    >>> y = X[:, 0] * X[:, 1] > 0.0
    >>> model = ShallowNetClassifier(alpha=3e-3).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    def __init__(
        self,
        alpha: Any = "auto",
        *,
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
        self.alpha = alpha
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

    #: Classes are coupled by the loss.
    output_coupling = "joint"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "ShallowNetClassifier":
        """Fit the network.

        Parameters
        ----------
        X : (N, d) array-like
            Finite numbers.
        y : (N,) array-like
            Labels of at least two classes.
        sample_weight : (N,) array-like, optional
            Weights >= 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is one class only, an entry is missing or shapes disagree.
        """
        X = _rows.read_table(self, X, reset=True)
        _, y = check_X_y(X, y, estimator=self)
        check_classification_targets(y)
        w = _rows.read_weights(sample_weight, X)
        # Rows of weight zero stay, so that splitters see the rows of the user.
        used = y if w is None else y[w > 0.0]
        self.classes_ = np.unique(used)
        if self.classes_.size < 2:
            raise ValueError(
                "y must hold at least two classes with positive weight; got one class, "
                f"{self.classes_.tolist()[0]!r}"
            )
        codes = np.searchsorted(self.classes_, y).clip(max=self.classes_.size - 1)
        Y = _softened(codes, self.classes_.size, w)
        two = self.classes_.size == 2
        self._fit_rows(
            X, Y[:, [1]] if two else Y, w, "logistic" if two else "multinomial"
        )
        return self

    def decision_function(self, X: Any) -> Array:
        """Log-odds of ``classes_[1]``, (N,), or scores of the classes, (N, C).

        Parameters
        ----------
        X : (N, d) array-like
            As in `fit`.
        """
        F = self._outputs(X)
        return F[:, 0] if F.shape[1] == 1 else F

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, (N, C); rows sum to one.

        Parameters
        ----------
        X : (N, d) array-like
            As in `fit`.
        """
        F = self._outputs(X)
        if F.shape[1] == 1:
            F = np.column_stack([np.zeros(len(F)), F])
        chance = np.exp(F - F.max(axis=1, keepdims=True))
        return chance / chance.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels of the largest probabilities, (N,).

        Parameters
        ----------
        X : (N, d) array-like
            As in `fit`.
        """
        F = self.decision_function(X)
        code = (F > 0.0).astype(np.intp) if F.ndim == 1 else F.argmax(axis=1)
        return self.classes_[code]


def _softened(codes: NDArray[np.intp], C: int, w: Array | None) -> Array:
    """Class probabilities (N, C): the posterior mean under a uniform prior."""
    mass = np.bincount(codes, weights=w, minlength=C)
    other = 1.0 / (mass + 2.0) / (C - 1)
    Y = np.repeat(other[codes][:, None], C, axis=1)
    Y[np.arange(len(codes)), codes] = 1.0 - (C - 1) * other[codes]
    return Y
