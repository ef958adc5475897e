"""What is proven about a returned point, in the units of the objective."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["exact", "bounded", "heuristic"]


@dataclass(frozen=True)
class Certificate:
    """A statement about the distance of a point from the optimal objective.

    Attributes
    ----------
    kind : {"exact", "bounded", "heuristic"}
        "exact": `gap` is a proven bound, up to rounding, from a dual point whose
        feasibility was checked everywhere; "bounded": proven, but by a bound that is
        not attained at the optimum; "heuristic": `gap` comes from a search and proves
        nothing.
    gap : float, >= 0
        ``objective - bound``, in the units of the objective.
    relative_gap : float, >= 0
        See `relative_gap`.
    bound : float
        Lower bound on the optimal objective.
    starts : int
        Number of starts of the search behind a heuristic certificate; 0 otherwise.
    """

    kind: Kind
    gap: float
    relative_gap: float
    bound: float
    starts: int = 0


def relative_gap(
    gap: float,
    null_objective: float,
    y: NDArray[np.float64],
    w: NDArray[np.float64],
) -> float:
    """Divide `gap` by the objective of the null model, guarded against zero.

    The one definition for all solvers: ``gap / max(null_objective, eps * s)`` with
    ``s = sum(w * y**2) / (2 * sum(w))`` (the objective of f = 0), so that data which
    the null model fits exactly do not divide rounding errors by zero.

    Parameters
    ----------
    gap : float
        In the units of the objective.
    null_objective : float
        Objective of the best function that the penalty does not see.
    y, w : (n,) arrays
        Targets and weights.

    Examples
    --------
    >>> relative_gap(0.5, 2.0, np.zeros(3), np.ones(3))
    0.25
    >>> relative_gap(0.0, 0.0, np.zeros(3), np.ones(3))
    0.0
    """
    if gap == 0.0:
        return 0.0
    energy = float(np.dot(w, y * y)) / (2.0 * float(np.sum(w)))
    return gap / gap_scale(null_objective, energy)


def gap_scale(null_objective: float, energy: float) -> float:
    """Return the denominator of `relative_gap` from the objectives of the null and f = 0.

    Examples
    --------
    >>> gap_scale(2.0, 8.0)
    2.0
    """
    info = np.finfo(np.float64)
    return max(null_objective, float(info.eps) * energy, float(info.tiny))


def certify(
    kind: Kind, objective: float, gap: float, scale: float, starts: int = 0
) -> Certificate:
    """Build a certificate; `scale` is the denominator of the relative gap.

    Examples
    --------
    >>> certify("exact", objective=3.0, gap=0.5, scale=2.0).relative_gap
    0.25
    """
    relative = 0.0 if gap <= 0.0 else gap / scale  # a NaN stays a NaN
    return Certificate(kind, gap, relative, objective - gap, starts)
