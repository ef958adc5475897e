"""What the three estimators share: attributes, features at knots, pictures."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from splinear.core.result import Result
from splinear.univariate.estimators import _view
from splinear.univariate.estimators._validate import Rows, read_column
from splinear.univariate.sketch import Sketch, sketch

Vector = NDArray[np.float64]


class SplineEstimator(TransformerMixin, BaseEstimator):
    """Base of the estimators: one column in, one certified function per target."""

    def _options(self) -> dict[str, Any]:
        """Return the options of `fit_spline` that do not depend on the data."""
        raise NotImplementedError

    def _adopt(self, result: Result[Any], alpha: float, alpha_max: float) -> None:
        """Set the attributes that describe a fit; warn unless it converged."""
        self.spline_ = result.value
        self.alpha_, self.alpha_max_ = float(alpha), float(alpha_max)
        self.certificate_ = result.certificate
        self.objective_ = result.objective
        self.status_ = result.status
        self.n_iter_ = max(int(result.stats.get("n_iter", 0)), 1)
        self._warn_unless_converged([result])

    def _warn_unless_converged(self, results: list[Result[Any]]) -> None:
        for result in results:
            if not result.converged:
                certificate = result.certificate
                warnings.warn(
                    f"{result.status.value} Gap {certificate.gap:.3g}, relative gap "
                    f"{certificate.relative_gap:.1e} ({certificate.kind} certificate), "
                    f"tol {self._options()['tol']:g}.",
                    ConvergenceWarning,
                    stacklevel=4,
                )

    def _functions(self) -> list[Any]:
        check_is_fitted(self)
        return [self.spline_]

    @property
    def knots_(self) -> Vector:
        """Knots of the fit, (K,), in the units of X (days since 1970 for dates)."""
        return self._functions()[0].knots

    @property
    def coef_(self) -> Vector:
        """Jumps of the (m-1)-th derivative at the knots, (K,)."""
        return _view.jumps_of(self._functions()[0])

    @property
    def variation_norm_(self) -> float:
        """Total variation of the (m-1)-th derivative."""
        return self._functions()[0].variation

    def _column(self, X: Any) -> Vector:
        """Check X at prediction: the column, of the kind that was fitted."""
        check_is_fitted(self)
        x, kind = read_column(self, X, reset=False)
        if kind != self.x_kind_:
            raise ValueError(
                f"X must hold {self.x_kind_}s as at fit; got {kind}s: convert it"
            )
        return x

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the features of which the fit is a linear combination.

        Powers ``(x - origin)^j``, j = 1 to m-1, then one truncated power
        ``(x - knot)_+^(m-1) / (m-1)!`` per knot (a step for order 1): another linear
        model on them keeps the knots and is free to choose the coefficients.

        Parameters
        ----------
        X : (n, 1) array-like
            As in `fit`.

        Returns
        -------
        (n, m-1+K) array
        """
        x = self._column(X)
        blocks = [_view.features(function, x) for function in self._functions()]
        return np.hstack(blocks)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns of `transform`, for instance ``relu(x0 - 3.5)``.

        Parameters
        ----------
        input_features : sequence of one str, optional
            Name of the column; the name seen at fit, or x0, by default.

        Returns
        -------
        (m-1+K,) array of str

        Raises
        ------
        ValueError
            If `input_features` is not the name seen at fit.
        """
        functions = self._functions()
        seen = getattr(self, "feature_names_in_", None)
        name = "x0" if seen is None else str(seen[0])
        if input_features is not None:
            given = list(input_features)
            if len(given) != 1:
                raise ValueError(
                    "input_features should have length equal to number of features "
                    f"(1), got {len(given)}"
                )
            if seen is not None and given != [name]:
                raise ValueError(
                    f"input_features is not equal to feature_names_in_; got {given}"
                )
            name = str(given[0])
        names = [
            label
            if len(functions) == 1
            else f"{label} [{self._label(number)}]"  # one block per class
            for number, function in enumerate(functions)
            for label in _view.feature_names(function, name)
        ]
        return np.asarray(names, dtype=object)

    def _label(self, number: int) -> str:
        return str(number)

    def _draw(self, rows: Rows) -> None:
        """Keep what `plot` needs: at most some thousand points, whatever n."""
        self.x_kind_ = rows.kind
        name = getattr(self, "feature_names_in_", ["x"])[0]
        loss = self._options().get("loss", "squared")
        plain = all(
            self._options().get(option) in (None, "none")
            for option in ("monotone", "convex", "domain_weight", "period")
        )
        self._sketch: Sketch = sketch(
            rows.x,
            rows.y,
            rows.w,
            self.spline_,
            float(np.ravel(self.alpha_)[0]),
            loss=loss if plain else None,
            quantile=self._options().get("quantile", 0.5),
            delta=self._options().get("delta", 1.0),
            name=str(name),
            kind=rows.kind,
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw data, fit and knots, and the dual certificate beneath.

        Parameters
        ----------
        axes : pair of matplotlib axes, optional
            Upper and lower panel; a new figure by default.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from splinear.univariate.plot import plot_fit

        check_is_fitted(self)
        return plot_fit(self, axes=axes)

    def __sklearn_tags__(self) -> Any:
        """Describe the input: one column, as a vector or as a table of one column."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        # scikit-learn's word for "tables of several columns", as IsotonicRegression
        # uses it.  The tests run all checks on a subclass that picks a column.
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        return tags
