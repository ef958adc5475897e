"""Certified splines of general operators, by a gridless conditional-gradient solver."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from splinear.core.certificate import certify, relative_gap
from splinear.core.checks import check_scalar
from splinear.core.iterate import iterate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.univariate._green_pricing import (
    DecayPricer,
    PairPricer,
    PowerPricer,
    unit_weight,
)
from splinear.univariate._measure_lasso import MeasureLasso, MeasureProblem, State
from splinear.univariate.green import GreenSpline
from splinear.univariate.operators import (
    Derivative,
    Exponential,
    ExponentialPair,
    Operator,
    PowerOperator,
)
from splinear.univariate.samples import Samples
from splinear.univariate.weights import StabilityWeight, Weight, domain_weight

Vector = NDArray[np.float64]


def solve(
    samples: Samples,
    operator: Operator,
    alpha: float,
    *,
    weight: str | Weight = "none",
    tol: float = 1e-6,
    max_iter: int = 200,
    progress: Progress | None = None,
    start: GreenSpline | None = None,
) -> Result[GreenSpline]:
    """Minimise ``sum w (y - f(x))^2 / (2 sum w) + alpha int omega d|L f|``.

    Over all measures L f: on the line for fractional operators, whose knots may lie
    left of the data, and on the range of the data otherwise (knots outside it change
    nothing there).  Between any two neighbouring data the dual function is bounded by
    branch and bound, or in closed form for exponentials.

    Features are dense truncated powers: meant for up to about 5e3 sites and a few
    hundred knots.  Where nearly every site gets a knot (alpha below some 1e-5 of
    `alpha_max`) operators of order above 2.5 stall at relative gaps of 1e-9 to 1e-6;
    `gridless.solve` has the better basis for integer orders.

    Parameters
    ----------
    samples : Samples
    operator : Operator
    alpha : float, > 0
        In the units of the objective.
    weight : str or Weight
        See `domain_weight`; only for `Derivative` of order two and more.
    tol : float
        Relative duality gap.
    max_iter : int
    progress : Progress, optional
    start : GreenSpline, optional
        Solution for the same operator at another alpha: its knots come first.

    Returns
    -------
    Result
        Certificate "exact" where the bound of the dual function meets its best value
        to 1e-9, "bounded" otherwise; both gaps are proven up to rounding.

    Raises
    ------
    ValueError
        If alpha is not positive, a weight does not fit the operator, or `start`
        belongs to another operator.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> fit = solve(gather([0, 1, 2], [0, 1, 0]), Derivative(2), 0.1 / 3)
    >>> round(3 * fit.objective, 12), fit.value.variation.__round__(12)
    (0.17, 1.4)
    """
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    omega = _check_weight(weight, operator, samples)
    if samples.x.size <= 1:
        return _interpolate(samples, operator)
    method = _method(samples, operator, alpha * samples.total, omega, start)
    with threadpool_limits(1, "blas"):  # small matrices: threads only wait
        return iterate(method, tol=tol, max_iter=max_iter, progress=progress)


def alpha_max(
    samples: Samples, operator: Operator, weight: str | Weight = "none"
) -> float:
    """Smallest alpha whose solution lies in the null space, rounded upwards.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> round(3 * alpha_max(gather([0, 1, 2], [0, 1, 0]), Derivative(2)), 9)
    0.333333333
    """
    omega = _check_weight(weight, operator, samples)
    if samples.x.size <= operator.null_dim:
        return 0.0
    method = _method(samples, operator, 1.0, omega)
    factor = operator.scaled(binary_length(samples.x[-1] - samples.x[0]))[1]
    p = method.root * method.target
    sup = method.problem.pricer.price(p, 0.0, 1e-12).sup
    return sup * factor / samples.total


def _check_weight(
    weight: str | Weight, operator: Operator, samples: Samples
) -> Weight | None:
    if isinstance(weight, StabilityWeight) or weight == "stability":
        one = np.zeros(1)
        StabilityWeight().bounds(one, one)
    if weight == "none":
        return None
    if not (isinstance(operator, Derivative) and operator.order >= 2):
        raise ValueError(
            "domain weights are defined for Derivative(order) with order >= 2; "
            f'got {operator!r}: use weight="none"'
        )
    if weight == "empirical" and samples.x.size < 3:
        return None  # nothing to penalise: a line passes through two sites
    return domain_weight(weight, x=samples.x, w=samples.w)


def _interpolate(samples: Samples, operator: Operator) -> Result[GreenSpline]:
    """One site: the null space passes through it."""
    scaled, _ = operator.scaled(1.0)
    row = scaled.null_basis(np.zeros(1))[0]
    null = row * (samples.y[0] / float(row @ row))
    empty = np.zeros(0)
    f = GreenSpline(operator, empty, empty, null, float(samples.x[0]), 1.0)
    objective = samples.tie_loss / samples.total
    certificate = certify("exact", objective, 0.0, 1.0)
    return Result(f, Status.CONVERGED, certificate, objective, {"n_iter": 0})


def _pricer(x: Vector, operator: Operator, weight: Weight | None) -> Any:
    if isinstance(operator, ExponentialPair):
        return PairPricer(x, operator)
    if isinstance(operator, Exponential):
        return DecayPricer(x, operator)
    assert isinstance(operator, PowerOperator)
    if operator.exponent == 0.0:
        return DecayPricer(x, Exponential(0.0))
    return PowerPricer(x, operator, weight)


def _fixed(x: Vector, operator: Operator, pricer: Any) -> Any:
    """Mask of knots that stay: all jumps, and knots at kinks of eta or the weight."""
    exponent = getattr(operator, "exponent", 1.0)
    if exponent == 0.0 or isinstance(operator, Exponential):
        return lambda tau: np.ones(tau.shape, dtype=bool)
    edges = np.setdiff1d(getattr(pricer, "b", x), x)
    kinks = np.union1d(edges, x) if exponent <= 1.0 else edges
    return lambda tau: np.isin(tau, kinks)


def _first(
    samples: Samples, operator: Operator, start: GreenSpline | None, span: Any
) -> tuple[Vector, Vector] | None:
    # Knots and amplitudes of `start` in the solver's coordinate.
    if start is None:
        return None
    if start.operator != operator:
        raise ValueError(
            f"start must be a fit of {operator!r}; got one of {start.operator!r}"
        )
    unit = binary_length(samples.x[-1] - samples.x[0])
    shift = start.origin - float(samples.x[0])  # zero for the same data: exact
    tau, first = np.unique((start.offsets + shift) / unit, return_index=True)
    inside = (tau >= span[0]) & (tau <= span[1])
    a = start.amplitudes[first] * operator.scaled(unit)[1]
    return tau[inside], a[inside]


def _method(
    samples: Samples,
    operator: Operator,
    lam: float,
    weight: Weight | None,
    start: GreenSpline | None = None,
) -> MeasureLasso:
    """Map data into [0, 1] by a power of two, so that gaps keep every digit."""
    length = float(samples.x[-1] - samples.x[0])
    unit = binary_length(length)
    scaled, factor = operator.scaled(unit)
    x = (samples.x - samples.x[0]) / unit
    mean = _centre(samples, operator)
    y = samples.y - mean
    null = operator.scaled(length)[0].null_basis((samples.x - samples.x[0]) / length)
    root = np.sqrt(samples.w)
    basis, _ = np.linalg.qr(root[:, None] * null)
    rest = root * y - basis @ (basis.T @ (root * y))
    loss = (0.5 * float(rest @ rest) + samples.tie_loss) / samples.total
    # relative_gap owns the guard against data that the null space fits.
    scale = 1.0 / relative_gap(1.0, loss, samples.y, samples.w)
    low = -math.inf if not float(getattr(scaled, "exponent", 1)).is_integer() else x[0]
    pricer = _pricer(x, scaled, weight)
    problem = MeasureProblem(
        x, y, samples.w, lam / factor, scaled.atom, null,
        pricer, lambda tau: unit_weight(x, weight, tau),
        _fixed(x, scaled, pricer), (low, x[-1]), False,
        scale, samples.tie_loss, samples.total,
    )  # fmt: skip

    def build(state: State) -> GreenSpline:
        return _build(samples, operator, problem, state, mean, factor)

    return MeasureLasso(problem, build, _first(samples, operator, start, problem.span))


def _centre(samples: Samples, operator: Operator) -> float:
    """Mean of y where constants are free: rounding is then relative to the spread."""
    if not isinstance(operator, PowerOperator):
        return 0.0
    return float(np.dot(samples.w, samples.y) / samples.total)


def _build(
    samples: Samples, operator: Operator, problem: MeasureProblem,
    state: State, mean: float, factor: float,
) -> GreenSpline:  # fmt: skip
    order = np.argsort(state.tau)
    tau, a = state.tau[order], state.a[order]
    rest = problem.y - problem.atom(problem.x[:, None] - tau, 0) @ a
    root = np.sqrt(problem.w)
    fit = np.linalg.lstsq(root[:, None] * problem.null, root * rest, rcond=None)
    null = fit[0].astype(np.float64)
    if mean:
        null[0] += mean  # the first Legendre polynomial is one
    length = float(samples.x[-1] - samples.x[0])
    unit, origin = binary_length(length), float(samples.x[0])
    return GreenSpline(operator, tau * unit, a / factor, null, origin, length)


def binary_length(length: float) -> float:
    """Smallest power of two that is at least `length`.

    Examples
    --------
    >>> binary_length(5.0), binary_length(0.25)
    (8.0, 0.25)
    """
    mantissa, exponent = math.frexp(length)
    return math.ldexp(1.0, exponent - (mantissa == 0.5))
