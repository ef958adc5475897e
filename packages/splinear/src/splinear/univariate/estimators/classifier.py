"""Classification on one column: log-odds that bend in few places."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from splinear.core.checks import check_scalar
from splinear.core.random import streams
from splinear.univariate.estimators import _view
from splinear.univariate.estimators._base import SplineEstimator
from splinear.univariate.estimators._choose import Choice
from splinear.univariate.estimators._logistic import choose_logistic, separable
from splinear.univariate.estimators._validate import Rows, read_rows
from splinear.univariate.estimators.regressor import _check_extrapolate
from splinear.univariate.select import _check_max_knots

Vector = NDArray[np.float64]


@final
class AdaptiveSplineClassifier(ClassifierMixin, SplineEstimator):
    """Logistic regression on one column with piecewise linear log-odds.

    Minimises ``1/W sum w log(1 + exp(-s f(x))) + alpha TV(f')``, s = -1 or 1, exactly;
    several classes are fitted one against the rest and their probabilities rescaled.
    Where a threshold separates the classes, no finite log-odds are best: labels are
    then softened as in Platt scaling (a row of a class of N rows counts as
    1 / (N + 2) of the other class), and `separable_` says so.

    Parameters
    ----------
    alpha : float > 0 or "auto"
        Strength of the penalty; "auto" tries 30 values on a hold-out of 20 %.
    monotone : {None, "increasing", "decreasing"}
        Constraint on the log-odds of the second class (two classes only).
    convex : {None, "convex", "concave"}
        The same for its kinks.
    max_knots : int, optional
        With alpha="auto": the smallest alpha of the grid up to which no fit has more
        knots.
    extrapolate : {"linear", "raise"}
        Beyond the data: go on with the tangent of the log-odds, or refuse.
    tol, max_iter, random_state, verbose
        As in `AdaptiveSplineRegressor`.

    Attributes
    ----------
    classes_ : (n_classes,) array
        Labels, sorted.
    splines_ : list of Spline
        Log-odds: of ``classes_[1]`` for two classes, else of each against the rest.
    spline_ : Spline
        The first of them.
    separable_ : list of bool
        Where labels had to be softened.
    alpha_, alpha_max_, objective_ : float, or (n_classes,) arrays
        One per spline.
    certificates_ : list of Certificate
        One per spline; `certificate_` and `status_` are those of the largest gap.
    knots_, coef_ : array, or list of arrays
        One per spline if there are several.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(8.0)[:, None]
    >>> model = AdaptiveSplineClassifier(alpha=0.1).fit(X, list("aababbbb"))
    >>> model.predict([[0.0], [7.0]]).tolist()
    ['a', 'b']
    """

    def __init__(
        self,
        alpha: Any = "auto",
        *,
        monotone: str | None = None,
        convex: str | None = None,
        max_knots: int | None = None,
        extrapolate: str = "linear",
        tol: float = 1e-6,
        max_iter: int = 200,
        random_state: Any = 0,
        verbose: bool | str = "auto",
    ) -> None:
        self.alpha = alpha
        self.monotone = monotone
        self.convex = convex
        self.max_knots = max_knots
        self.extrapolate = extrapolate
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> "AdaptiveSplineClassifier":
        """Fit the log-odds.

        Parameters
        ----------
        X : (n, 1) or (n,) array-like
            Finite numbers or dates.
        y : (n,) array-like
            Labels of any kind, at least two different ones.
        sample_weight : (n,) array-like, optional
            Non-negative.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If fewer than two classes have weight, or an option does not fit.
        """
        _check_extrapolate(self.extrapolate)
        alpha = self._given_alpha()
        rows = _with_weight(read_rows(self, X, y, sample_weight, numeric=False))
        check_classification_targets(rows.y)
        self.classes_, codes = np.unique(rows.y, return_inverse=True)
        targets = self._targets(codes)
        problems = [rows._replace(y=target) for target in targets]
        seeds = streams(self.random_state, len(problems))
        choices = [
            choose_logistic(problem, alpha, self._solver(), self.max_knots, seed)
            for problem, seed in zip(problems, seeds, strict=True)
        ]
        self.separable_ = [separable(problem) for problem in problems]
        self._adopt_all(choices)
        # The picture shows the first spline, with the dual of hard labels if it has one.
        self._draw(problems[0])
        return self

    def _given_alpha(self) -> float | None:
        _check_max_knots("holdout", self.max_knots)
        if isinstance(self.alpha, str):
            if self.alpha != "auto":
                raise ValueError(
                    f"alpha must be a number > 0 or 'auto'; got {self.alpha!r}"
                )
            return None
        if self.max_knots is not None:
            raise ValueError(
                f"max_knots chooses alpha; got alpha={self.alpha!r} as well: leave "
                "alpha='auto'"
            )
        return check_scalar("alpha", self.alpha, low=0.0, strict=True)

    def _targets(self, codes: NDArray[np.int64]) -> list[Vector]:
        count = self.classes_.size
        if count < 2:
            raise ValueError(
                "y must hold at least two classes with positive weight; got one class, "
                f"{self.classes_.tolist()[0]!r}"
            )
        if count == 2:
            return [(codes == 1).astype(np.float64)]
        if self.monotone is not None or self.convex is not None:
            raise ValueError(
                "monotone and convex speak about the log-odds of two classes; got "
                f"{count} classes: drop the constraint or merge classes"
            )
        return [(codes == code).astype(np.float64) for code in range(count)]

    def _adopt_all(self, choices: list[Choice]) -> None:
        results = [choice.result for choice in choices]
        worst = max(results, key=lambda result: result.certificate.relative_gap)
        self.splines_ = [result.value for result in results]
        self.spline_ = self.splines_[0]
        self.certificates_ = [result.certificate for result in results]
        self.certificate_, self.status_ = worst.certificate, worst.status
        self.alpha_ = _one_or_all([choice.alpha for choice in choices])
        self.alpha_max_ = _one_or_all([choice.alpha_max for choice in choices])
        self.objective_ = _one_or_all([result.objective for result in results])
        self.n_iter_ = max(1, *(result.stats.get("n_iter", 0) for result in results))
        self.how_ = choices[0].how
        self._warn_unless_converged(results)

    def _functions(self) -> list[Any]:
        super()._functions()
        return self.splines_

    def _label(self, number: int) -> str:
        return str(self.classes_[number])

    @property
    def knots_(self) -> Any:
        """Knots of the log-odds, (K,), or a list of such arrays for several classes."""
        knots = [spline.knots for spline in self._functions()]
        return knots[0] if len(knots) == 1 else knots

    @property
    def coef_(self) -> Any:
        """Kinks at the knots, in log-odds per unit of X."""
        kinks = [spline.jumps for spline in self._functions()]
        return kinks[0] if len(kinks) == 1 else kinks

    @property
    def variation_norm_(self) -> float:
        """Total variation of the slope of the log-odds, summed over the splines."""
        return float(sum(spline.variation for spline in self._functions()))

    def decision_function(self, X: Any) -> Vector:
        """Log-odds of ``classes_[1]``, or of each class against the rest.

        Parameters
        ----------
        X : (n, 1) or (n,) array-like
            As in `fit`.

        Returns
        -------
        (n,) array for two classes, else (n, n_classes)
        """
        x = self._column(X)
        odds = [
            _view.value_at(spline, x, self.extrapolate) for spline in self._functions()
        ]
        return odds[0] if len(odds) == 1 else np.column_stack(odds)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probability of each class, (n, n_classes); rows sum to one."""
        odds = self.decision_function(X)
        if odds.ndim == 1:
            odds = np.column_stack((-odds, odds))
        # Logarithms until the end: far out all classes may be improbable at once.
        logs = -np.logaddexp(0.0, -odds)
        chance = np.exp(logs - logs.max(axis=1, keepdims=True))
        return chance / chance.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """Label of the largest probability, (n,)."""
        odds = self.decision_function(X)
        code = (odds > 0.0).astype(np.int64) if odds.ndim == 1 else odds.argmax(axis=1)
        return self.classes_[code]

    def _solver(self) -> dict[str, Any]:
        names = ("monotone", "convex", "tol", "max_iter", "verbose")
        return {name: getattr(self, name) for name in names}

    def _options(self) -> dict[str, Any]:
        # Softened labels have another dual function than the rows show.
        soft = any(getattr(self, "separable_", [False]))
        return {**self._solver(), "loss": "softened" if soft else "logistic"}


def _with_weight(rows: Rows) -> Rows:
    """Drop rows of weight zero: a class without weight is no class."""
    if rows.w is None or np.all(rows.w > 0.0):
        return rows
    keep = rows.w > 0.0
    return Rows(rows.x[keep], rows.y[keep], rows.w[keep], rows.kind)


def _one_or_all(values: list[float]) -> Any:
    return float(values[0]) if len(values) == 1 else np.array(values)
