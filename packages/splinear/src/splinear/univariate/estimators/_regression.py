"""What both regressors do with a fitted function: predict, and intervals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_consistent_length, column_or_1d

from splinear.core.checks import check_scalar, check_vector
from splinear.core.random import generator
from splinear.univariate.conformal import conformal_radius
from splinear.univariate.estimators import _view
from splinear.univariate.estimators._base import SplineEstimator
from splinear.univariate.estimators._validate import Rows, _plain

Vector = NDArray[np.float64]


class SplineRegression(RegressorMixin, SplineEstimator):
    """Prediction and conformal intervals of the regressors."""

    extrapolate: str
    random_state: Any

    def predict(self, X: Any) -> Vector:
        """Evaluate the fitted function.

        Parameters
        ----------
        X : (n, 1) or (n,) array-like
            Numbers or dates, as in `fit`. Beyond the data see `extrapolate`.

        Returns
        -------
        (n,) array
        """
        x = self._column(X)
        return _view.value_at(self.spline_, x, self.extrapolate)

    def calibrate(self, X: Any, y: Any) -> Any:
        """Learn the width of prediction intervals from rows not used in `fit`.

        Split conformal: the absolute errors on these rows. They, and the rows to be
        predicted, must be exchangeable (drawn alike, in no particular order); nothing
        is assumed about the noise or the fit. Weights play no part.

        Parameters
        ----------
        X, y : (n, 1) and (n,) array-likes
            Fresh rows; coverage c needs at least c / (1 - c) of them.

        Returns
        -------
        self
        """
        predicted = self.predict(X)
        target = check_vector("y", column_or_1d(_plain(y)))
        check_consistent_length(predicted, target)
        self.calibration_scores_ = np.sort(np.abs(target - predicted))
        return self

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Interval that holds a new y with probability at least `coverage`.

        The probability is over the calibration rows and the new row together; see
        `splinear.univariate.conformal.conformal_radius`.

        Parameters
        ----------
        X : (n, 1) or (n,) array-like
            As in `predict`.
        coverage : float, in (0, 1)
            Wanted probability.

        Returns
        -------
        (n, 2) array
            Lower and upper ends, in the units of y.

        Raises
        ------
        ValueError
            If the estimator is not calibrated, or with too few rows.
        """
        middle = self.predict(X)
        scores = getattr(self, "calibration_scores_", None)
        if scores is None:
            raise ValueError(
                "prediction intervals need rows that the fit has not seen: construct "
                "with calibration=0.2 (a share of the rows is then held out at fit), "
                "or call calibrate(X, y) with fresh rows"
            )
        radius = conformal_radius(scores, coverage)
        return np.column_stack((middle - radius, middle + radius))

    def _split(self, rows: Rows, share: Any) -> tuple[Rows, Rows | None]:
        """Hold out a random share of the rows for calibration."""
        self.__dict__.pop("calibration_scores_", None)  # of an earlier fit
        if share is None:
            return rows, None
        share = check_scalar("calibration", share, low=0.0, high=1.0, strict=True)
        size = rows.x.size
        count = int(np.ceil(share * size))
        if not 0 < count < size:
            raise ValueError(
                f"calibration={share} of {size} rows leaves none to fit: lower it, or "
                "use more rows"
            )
        order = generator(self.random_state).permutation(size)
        out, kept = order[:count], np.sort(order[count:])
        return _take(rows, kept), _take(rows, out)

    def _calibrate_on(self, held: Rows | None) -> None:
        if held is not None:
            fitted = _view.value_at(self.spline_, held.x, "linear")
            self.calibration_scores_ = np.sort(np.abs(held.y - fitted))


def _take(rows: Rows, at: NDArray[np.int64]) -> Rows:
    w = None if rows.w is None else rows.w[at]
    return Rows(rows.x[at], rows.y[at], w, rows.kind)
