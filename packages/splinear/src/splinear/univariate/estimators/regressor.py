"""The sparsest spline that explains one column, as a scikit-learn regressor."""

from typing import Any, final

from splinear.univariate.estimators._choose import choose
from splinear.univariate.estimators._regression import SplineRegression
from splinear.univariate.estimators._validate import read_rows


@final
class AdaptiveSplineRegressor(SplineRegression):
    """Regression on one column by a spline with few knots, certified optimal.

    Minimises ``1/W sum w loss(y, f(x)) + alpha TV(f^(m-1))`` over all functions [1]_;
    for the squared loss (y - f)^2 / 2 as in scikit-learn's Lasso.

    Parameters
    ----------
    alpha : float >= 0, "auto", "bic" or "discrepancy"
        Strength of the penalty. "auto" tries 50 values on a hold-out of 20 % and
        refits; "bic" counts knots; "discrepancy" matches `noise`. Zero interpolates.
    order : int, 1 to 6
        1 piecewise constant, 2 linear, 3 quadratic, 4 cubic.
    loss : {"squared", "quantile", "huber", "logistic"}
        All but the squared loss need order 2; "logistic" takes y in {0, 1}.
    quantile : float, in (0, 1)
        Level of the quantile loss.
    delta : float, > 0
        Residual at which the Huber loss turns linear, in the units of y.
    monotone : {None, "increasing", "decreasing"}
        Constraint on the slopes (order 2).
    convex : {None, "convex", "concave"}
        Constraint on the kinks (order 2).
    max_knots : int, optional
        With alpha="auto": no hold-out; the smallest alpha of the path up to which no
        fit has more knots. With another rule: a bound on its choice.
    noise : float, optional
        Standard deviation of the noise, for alpha="discrepancy"; estimated if None.
    domain_weight : str or callable
        Weight of the penalty along x, see `fit_spline`.
    period : float, optional
        Fit a function of this period, in the units of X (days for dates).
    extrapolate : {"linear", "raise"}
        Beyond the data: go on with the tangent, or refuse.
    calibration : float in (0, 1), optional
        Share of the rows that `fit` holds out for `predict_interval`.
    tol : float
        Relative duality gap to reach.
    max_iter : int
        Iterations of the solver.
    random_state : int, Generator or RandomState
        Chooses the rows that are held out.
    verbose : bool or "auto"
        Show the shrinking gap of a long fit; "auto" does so on a terminal.

    Attributes
    ----------
    spline_ : Spline
        The fitted function (a `PeriodicSpline` or `GreenSpline` with `period` or
        `domain_weight`).
    knots_, coef_ : (K,) arrays
        Knots, in the units of X (days since 1970-01-01 for dates), and the jumps of
        the (m-1)-th derivative there.
    alpha_, alpha_max_ : float
        The alpha of the fit, and the smallest one without knots.
    how_ : str
        How `alpha_` was chosen: "given", or the name of the rule.
    certificate_ : Certificate
        kind, gap, relative_gap, bound, starts.
    variation_norm_, objective_ : float
        TV(f^(m-1)), and the minimised objective. With alpha="discrepancy" that is
        the variation itself, least among functions of that residual; `certificate_`
        then speaks about it.
    status_ : Status
        How the solver ended; ``status_.value`` is a sentence.
    n_iter_ : int
        Steps of the solver, at least one.
    x_kind_ : {"number", "date"}
        What X held.
    n_features_in_ : int
        Always one.
    feature_names_in_ : (1,) array of str
        Where X was a frame or a named column.

    References
    ----------
    .. [1] E. Mammen and S. van de Geer, Annals of Statistics 25(1), 1997.

    Examples
    --------
    A broken line without noise keeps its one knot:

    >>> import numpy as np
    >>> X = np.linspace(-1.0, 1.0, 41)[:, None]
    >>> model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, np.abs(X[:, 0]))
    >>> model.knots_.round(9) + 0.0
    array([0.])
    """

    def __init__(
        self,
        alpha: Any = "auto",
        *,
        order: int = 2,
        loss: str = "squared",
        quantile: float = 0.5,
        delta: float = 1.0,
        monotone: str | None = None,
        convex: str | None = None,
        max_knots: int | None = None,
        noise: float | None = None,
        domain_weight: Any = "none",
        period: float | None = None,
        extrapolate: str = "linear",
        calibration: float | None = None,
        tol: float = 1e-6,
        max_iter: int = 200,
        random_state: Any = 0,
        verbose: bool | str = "auto",
    ) -> None:
        self.alpha = alpha
        self.order = order
        self.loss = loss
        self.quantile = quantile
        self.delta = delta
        self.monotone = monotone
        self.convex = convex
        self.max_knots = max_knots
        self.noise = noise
        self.domain_weight = domain_weight
        self.period = period
        self.extrapolate = extrapolate
        self.calibration = calibration
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> "AdaptiveSplineRegressor":
        """Fit the function.

        Parameters
        ----------
        X : (n, 1) or (n,) array-like
            Finite numbers or dates, in any order, ties allowed; columns of pandas and
            polars too.
        y : (n,) array-like
            Targets.
        sample_weight : (n,) array-like, optional
            Non-negative; a row of weight zero is as good as absent.

        Returns
        -------
        self
        """
        _check_extrapolate(self.extrapolate)
        rows, held = self._split(read_rows(self, X, y, sample_weight), self.calibration)
        choice = choose(
            rows,
            self.alpha,
            self._options(),
            noise=self.noise,
            max_knots=self.max_knots,
            random_state=self.random_state,
        )
        self._adopt(choice.result, choice.alpha, choice.alpha_max)
        self.how_ = choice.how
        self._calibrate_on(held)
        self._draw(rows)
        return self

    def _options(self) -> dict[str, Any]:
        names = (
            "order",
            "loss",
            "quantile",
            "delta",
            "monotone",
            "convex",
            "domain_weight",
            "period",
            "tol",
            "max_iter",
            "verbose",
        )
        return {name: getattr(self, name) for name in names}


def _check_extrapolate(extrapolate: Any) -> None:
    if extrapolate not in ("linear", "raise"):
        raise ValueError(
            f"extrapolate must be 'linear' or 'raise'; got {extrapolate!r}"
        )
