"""Sign constraints on slopes and kinks, and the dual cone that belongs to them.

Let p be forces at the rows with sum p = 0 and ``U(x) = sum_i p_i (x - x_i)_+``.  For
every linear spline ``sum_i p_i f(x_i) = sum_k a_k U(x_k) - g_last U_n``, with kinks a
and last slope g_last.  Forces are dual feasible at the level lam if that sum never
exceeds lam TV(f') over the cone of admissible f:

- free: U_n = 0 and |U| <= lam;
- convex (a >= 0): U_n = 0 and U <= lam;
- increasing (slopes g >= 0): a path V exists with V = 0 at both ends, |V| <= lam and
  increments at most those of U (the differences are multipliers of g >= 0).  The
  largest such path is U reflected downwards at lam, V = U - max(0, max_{i<=j} U_i - lam),
  hence it exists iff -U <= lam, falls max_{i<j} (U_i - U_j) <= 2 lam, and
  max U - U_n <= lam, U_n >= 0;
- increasing and convex: max U - U_n <= lam, U_n >= 0.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Monotone = Literal["increasing", "decreasing"] | None
Convex = Literal["convex", "concave"] | None


@dataclass(frozen=True)
class Shape:
    """A cone of linear splines, up to the reflections of `make_shape`.

    Attributes
    ----------
    increasing, convex : bool
        Constraints on slopes and kinks.
    mirrored : bool
        Whether the axis of x was reflected ("decreasing" became "increasing").
    negated : bool
        Whether f was negated ("concave" became "convex").
    """

    increasing: bool = False
    convex: bool = False
    mirrored: bool = False
    negated: bool = False

    def level(self, u: Vector) -> float:
        """Return the smallest lam at which forces with moments u (n,) are feasible."""
        if self.increasing:
            tops = np.maximum.accumulate(u)
            edge = float(tops[-1] - u[-1])
            if self.convex:
                return edge
            fall = 0.5 * float(np.max(tops - u))
            return max(edge, fall, -float(np.min(u)))
        return float(np.max(u)) if self.convex else float(np.max(np.abs(u)))

    def path(self, u: Vector, lam: float) -> Vector:
        """Return the dual path V (n,) at the level lam; u itself without slopes."""
        if not self.increasing:
            return u
        return u - np.maximum(np.maximum.accumulate(u) - lam, 0.0)


def make_shape(monotone: Any = None, convex: Any = None) -> Shape:
    """Translate the user's words; reflections leave only "increasing" and "convex".

    Raises
    ------
    ValueError
        If a word is unknown.

    Examples
    --------
    >>> make_shape("decreasing", "concave")
    Shape(increasing=True, convex=True, mirrored=False, negated=True)
    """
    _check("monotone", monotone, ("increasing", "decreasing"))
    _check("convex", convex, ("convex", "concave"))
    negated = convex == "concave"
    # Negation turns "increasing" round; mirroring x then turns it back.
    mirrored = monotone == ("increasing" if negated else "decreasing")
    return Shape(monotone is not None, convex is not None, mirrored, negated)


def _check(name: str, word: Any, words: tuple[str, str]) -> None:
    if word is not None and word not in words:
        raise ValueError(
            f"{name} must be None, {words[0]!r} or {words[1]!r}; got {word!r}"
        )
