"""Choice of alpha by k-fold cross-validation over warm paths."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, check_cv

from splinear.univariate.estimators import _view
from splinear.univariate.estimators._choose import choose
from splinear.univariate.estimators._regression import SplineRegression, _take
from splinear.univariate.estimators._validate import Rows, read_rows
from splinear.univariate.estimators.regressor import _check_extrapolate
from splinear.univariate.fit import alpha_max
from splinear.univariate.path import alpha_grid, fit_path

Vector = NDArray[np.float64]


@final
class AdaptiveSplineRegressorCV(SplineRegression):
    """`AdaptiveSplineRegressor` of squared loss, with alpha from cross-validation.

    Each fold runs one warm path over the same alphas; the alpha of least mean squared
    error on the rows left out is fitted to all rows.

    Parameters
    ----------
    alphas : array-like, optional
        Positive values to try; `n_alphas` log-spaced ones from the smallest alpha
        without knots down to `eps` times that by default.
    n_alphas : int
        Length of the default grid.
    eps : float, in (0, 1)
        Ratio of its ends.
    cv : int, splitter or iterable
        Number of shuffled folds, or anything that scikit-learn accepts. Rows in order
        of x need shuffling (as the default does): contiguous folds extrapolate.
    order, extrapolate, calibration, tol, max_iter, random_state, verbose
        As in `AdaptiveSplineRegressor`.

    Attributes
    ----------
    alphas_ : (n_alphas,) array
        The grid, decreasing.
    mse_path_ : (n_alphas, n_folds) array
        Mean squared error on the rows left out.
    spline_, knots_, coef_, alpha_, alpha_max_, certificate_, variation_norm_,
    objective_, status_, n_iter_, x_kind_, n_features_in_, feature_names_in_
        As in `AdaptiveSplineRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1.0, 1.0, 41)[:, None]
    >>> model = AdaptiveSplineRegressorCV(n_alphas=10).fit(X, np.abs(X[:, 0]))
    >>> model.mse_path_.shape
    (10, 5)
    """

    def __init__(
        self,
        *,
        alphas: Any = None,
        n_alphas: int = 50,
        eps: float = 1e-4,
        cv: Any = 5,
        order: int = 2,
        extrapolate: str = "linear",
        calibration: float | None = None,
        tol: float = 1e-6,
        max_iter: int = 200,
        random_state: Any = 0,
        verbose: bool | str = "auto",
    ) -> None:
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.eps = eps
        self.cv = cv
        self.order = order
        self.extrapolate = extrapolate
        self.calibration = calibration
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> "AdaptiveSplineRegressorCV":
        """Choose alpha and fit all rows with it.

        Parameters
        ----------
        X, y, sample_weight
            As in `AdaptiveSplineRegressor.fit`; weights also weigh the errors.

        Returns
        -------
        self
        """
        _check_extrapolate(self.extrapolate)
        rows, held = self._split(read_rows(self, X, y, sample_weight), self.calibration)
        top = alpha_max(rows.x, rows.y, order=self.order, sample_weight=rows.w)
        self.alphas_ = alpha_grid(top, self.alphas, self.n_alphas, self.eps)
        folds = self._folds(rows)
        errors = [self._errors(rows, *fold) for fold in folds]
        self.mse_path_ = np.column_stack([error for error, _ in errors])
        weights = np.array([weight for _, weight in errors])
        mean = self.mse_path_ @ (weights / weights.sum())
        alpha = float(self.alphas_[int(np.argmin(mean))])  # ties: the larger alpha
        choice = choose(rows, alpha, self._options())
        self._adopt(choice.result, alpha, choice.alpha_max)
        self.how_ = f"cross-validation, {len(folds)} folds"
        self._calibrate_on(held)
        self._draw(rows)
        return self

    def _folds(self, rows: Rows) -> list[Any]:
        splitter = self.cv
        if isinstance(splitter, int) and not isinstance(splitter, bool):
            seed = self.random_state
            if isinstance(seed, np.random.Generator):
                seed = int(seed.integers(2**31))
            if not 2 <= splitter <= rows.x.size:
                raise ValueError(
                    f"cv must be at least 2 and at most the number of rows; got cv="
                    f"{splitter} with n_samples = {rows.x.size}"
                )
            splitter = KFold(splitter, shuffle=True, random_state=seed)
        return list(check_cv(splitter).split(rows.x[:, None], rows.y))

    def _errors(self, rows: Rows, train: Any, test: Any) -> tuple[Vector, float]:
        """Return the error of each alpha on one fold, and the weight of the fold."""
        inner, outer = _take(rows, train), _take(rows, test)
        w = np.ones_like(outer.x) if outer.w is None else outer.w
        if inner.w is not None and not np.any(inner.w > 0.0):
            return np.zeros(self.alphas_.size), 0.0  # nothing to learn from
        if not np.any(w > 0.0):
            return np.zeros(self.alphas_.size), 0.0
        options = self._options()
        path = fit_path(
            inner.x, inner.y, alphas=self.alphas_, sample_weight=inner.w, **options
        )
        errors = [
            np.average(
                (outer.y - _view.value_at(fit.value, outer.x, "linear")) ** 2, weights=w
            )
            for fit in path
        ]
        return np.array(errors), float(np.sum(w))

    def _options(self) -> dict[str, Any]:
        names = ("order", "tol", "max_iter", "verbose")
        return {name: getattr(self, name) for name in names}
