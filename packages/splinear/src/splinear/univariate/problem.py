"""Which univariate problem is asked for: options checked once, in one place."""

from dataclasses import dataclass
from typing import Any

from splinear.core.checks import check_scalar

LOSSES = ("squared", "quantile", "logistic", "huber")
MONOTONE = (None, "increasing", "decreasing")
CONVEX = (None, "convex", "concave")


@dataclass(frozen=True)
class Problem:
    """Loss, penalty and constraints of a univariate fit.

    Attributes
    ----------
    order : int
        Order m of the spline.
    loss, quantile, delta, monotone, convex
        See `fit_spline`.
    domain_weight, period, operator
        See `fit_spline`.
    """

    order: int = 2
    loss: str = "squared"
    quantile: float = 0.5
    delta: float = 1.0
    monotone: str | None = None
    convex: str | None = None
    domain_weight: Any = "none"
    period: float | None = None
    operator: Any = None

    @property
    def general(self) -> bool:
        """Whether rows cannot be merged: another loss, or a shape constraint."""
        shaped = self.monotone is not None or self.convex is not None
        return shaped or self.loss != "squared"

    @property
    def weighted(self) -> bool:
        """Whether the penalty carries a weight on the domain."""
        return not (
            isinstance(self.domain_weight, str) and self.domain_weight == "none"
        )

    @property
    def plain(self) -> bool:
        """Whether the problem is squared loss + alpha TV(f^(m-1)), nothing else."""
        extra = self.general or self.weighted
        return not extra and self.period is None and self.operator is None

    def operator_or_derivative(self) -> Any:
        """Return the operator L of the penalty, D^m unless another was given."""
        from splinear.univariate.operators import Derivative

        return Derivative(self.order) if self.operator is None else self.operator

    def general_options(self) -> dict[str, Any]:
        """Return the options of `general.solve`."""
        return {
            "loss": self.loss,
            "quantile": self.quantile,
            "delta": self.delta,
            "monotone": self.monotone,
            "convex": self.convex,
        }


def check_problem(
    order: Any = 2,
    loss: Any = "squared",
    quantile: Any = 0.5,
    delta: Any = 1.0,
    monotone: Any = None,
    convex: Any = None,
    domain_weight: Any = "none",
    period: Any = None,
    operator: Any = None,
) -> Problem:
    """Check every option and that they go together.

    Raises
    ------
    TypeError
        If an option has the wrong type.
    ValueError
        If an option is unknown or does not go with another one.

    Examples
    --------
    >>> check_problem(order=3).plain
    True
    """
    if isinstance(order, bool) or not hasattr(order, "__index__"):
        raise TypeError(f"order must be an integer; got {type(order).__name__}")
    if not 1 <= order <= 6:
        raise ValueError(f"order must be 1 to 6; got {order}")
    _check_choice("loss", loss, LOSSES)
    _check_choice("monotone", monotone, MONOTONE)
    _check_choice("convex", convex, CONVEX)
    quantile = check_scalar("quantile", quantile, low=0.0, high=1.0)
    if loss == "quantile" and not 0.0 < quantile < 1.0:
        raise ValueError(f"quantile must lie strictly between 0 and 1; got {quantile}")
    delta = check_scalar("delta", delta, low=0.0, strict=True)
    if period is not None:
        period = check_scalar("period", period, low=0.0, strict=True)
    problem = Problem(
        int(order),
        loss,
        quantile,
        delta,
        monotone,
        convex,
        domain_weight,
        period,
        operator,
    )
    _check_together(problem)
    return problem


def _check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if not any(value is c or (isinstance(value, str) and value == c) for c in choices):
        raise ValueError(f"{name} must be one of {choices}; got {value!r}")


def _check_together(problem: Problem) -> None:
    extras = [
        name
        for name, on in (
            ("a loss other than squared or a shape constraint", problem.general),
            ("domain_weight", problem.weighted),
            ("period", problem.period is not None),
        )
        if on
    ]
    if len(extras) > 1:
        raise ValueError(f"{' and '.join(extras)} cannot be combined: choose one")
    if problem.operator is not None and extras not in ([], ["domain_weight"]):
        raise ValueError(f"operator cannot be combined with {extras[0]}: choose one")
    if problem.general and problem.order != 2:
        raise ValueError(
            f"losses other than squared and shape constraints need order 2; got order "
            f"{problem.order}: use order=2, or the squared loss without constraints"
        )
    if problem.period is not None and problem.order > 4:
        raise ValueError(f"period needs order 1 to 4; got order {problem.order}")
    if problem.weighted and problem.order < 2 and problem.operator is None:
        raise ValueError(f"domain_weight needs order 2 or more; got {problem.order}")
