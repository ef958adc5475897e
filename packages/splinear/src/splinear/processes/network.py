"""A realisation of a random ReLU process: a function that can be enlarged."""

from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_vector
from splinear.core.random import generator
from splinear.processes._draw import Neurons, Source
from splinear.processes._evaluate import evaluate
from splinear.processes._points import read_points
from splinear.processes.domain import Domain, as_domain

Array = NDArray[np.float64]

#: Lengths of directions may differ from one by this much: dozens of roundings.
_UNIT = 1e-10


class AffineForm(NamedTuple):
    """``sum_k weights_k (directions_k . x - biases_k)_+ + slope . x + intercept``.

    The form of (3) in Parhi et al. (2025), with biases of both signs. It loses exact
    zeros to rounding; evaluate the `RandomReLUNetwork` instead.
    """

    directions: Array
    biases: Array
    weights: Array
    slope: Array
    intercept: float


@final
@dataclass(frozen=True, eq=False, repr=False)
class RandomReLUNetwork:
    """``s(x) = sum_k weights_k (directions_k . x - thresholds_k)_+`` on a domain.

    Every neuron looks away from the origin (thresholds > 0), so that s(0) = 0 and the
    gradient at 0 is 0 without affine terms. Points outside the domain are refused:
    neurons that bend there have not been drawn. `extend` draws them.

    Parameters
    ----------
    directions : (K, d) array
        Unit rows.
    thresholds : (K,) array
        Positive: distances of the hyperplanes from the origin, in the units of x.
    weights : (K,) array
        Jumps of the slope.
    domain : float or Domain
        Where s is known; a number is the radius of a ball.
    source : optional
        What draws more neurons for `extend`; `RandomReLUProcess.sample` sets it.

    Raises
    ------
    TypeError
        If an array holds no real numbers.
    ValueError
        If shapes do not fit, an entry is not finite, a direction is not of unit length,
        or a threshold is not positive.

    Examples
    --------
    >>> s = RandomReLUNetwork([[1.0, 0.0]], [0.25], [2.0], domain=1.0)
    >>> s([[0.5, 0.75], [0.0, 0.0]]), s.gradient([[0.5, 0.75]])
    (array([0.5, 0. ]), array([[2., 0.]]))
    """

    directions: Array
    thresholds: Array
    weights: Array
    domain: Domain
    source: Source | None = None

    def __post_init__(self) -> None:
        t = check_vector("thresholds", self.thresholds)
        v = check_vector("weights", self.weights, size=t.size)
        U = _unit_rows(self.directions, t.size)
        if not np.all(t > 0.0):
            raise ValueError(
                f"thresholds must be positive; got {t.min()}: build from two-sided "
                "neurons with RandomReLUNetwork.from_two_sided"
            )
        object.__setattr__(self, "domain", as_domain(self.domain, U.shape[1]))
        for name, value in (("directions", U), ("thresholds", t), ("weights", v)):
            value = np.array(value, order="C")
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def from_two_sided(
        cls, directions: Any, biases: Any, weights: Any, domain: Any
    ) -> "RandomReLUNetwork":
        """Build from neurons with biases of both signs, pinned at the origin.

        A neuron whose bias is negative is flipped; what this changes is affine and is
        exactly what the conditions s(0) = 0 and grad s(0) = 0 take away.

        Parameters
        ----------
        directions, biases, weights, domain
            As of the class; biases of any sign but zero.
        """
        b = check_vector("biases", biases)
        sign = np.where(b < 0.0, -1.0, 1.0)
        U = _unit_rows(directions, b.size)
        return cls(sign[:, None] * U, np.abs(b), weights, domain)

    @property
    def dim(self) -> int:
        """Number of columns, d."""
        return self.directions.shape[1]

    @property
    def n_neurons(self) -> int:
        """Number of neurons, K: those that bend somewhere in the domain."""
        return self.thresholds.size

    @property
    def neurons(self) -> Neurons:
        """Directions, thresholds and weights, together."""
        return Neurons(self.directions, self.thresholds, self.weights)

    def __call__(self, X: Any) -> Array:
        """Evaluate at points of the domain, in memory of some 50 MiB beyond X.

        Parameters
        ----------
        X : (N, d) array-like
            Finite, inside the domain; for d = 1 a vector is a column.

        Returns
        -------
        (N,) array
        """
        return evaluate(self._inside(X), self.neurons, gradients=False)

    def gradient(self, X: Any) -> Array:
        """Return the gradients; on a crease that of the side of the origin.

        Parameters
        ----------
        X : (N, d) array-like
            As for evaluation.

        Returns
        -------
        (N, d) array
        """
        return evaluate(self._inside(X), self.neurons, gradients=True)

    def extend(self, domain: Any, random_state: Any = None) -> "RandomReLUNetwork":
        """Return the same realisation on a larger domain.

        Neurons that bend the new part only are added after the others; they vanish on
        the old domain, where all values stay as they are.

        Parameters
        ----------
        domain : float or Domain
            Must hold the old domain.
        random_state : None, int or Generator
            Source of the new neurons; one independent of the first.

        Returns
        -------
        RandomReLUNetwork

        Raises
        ------
        ValueError
            If the realisation has no process to draw from, or the domain does not hold
            the old one.

        Examples
        --------
        >>> from splinear.processes import RandomReLUProcess
        >>> small = RandomReLUProcess(dim=2, rate=5.0).sample(1.0, random_state=0)
        >>> large = small.extend(3.0, random_state=1)
        >>> bool(small([[0.6, 0.7]])[0] == large([[0.6, 0.7]])[0])
        True
        """
        if self.source is None:
            raise ValueError(
                "this realisation was built from given neurons; only one that was drawn "
                "from a process can be extended: pass source= to name it"
            )
        outer = as_domain(domain, self.dim)
        _refuse_smaller(self.domain, outer, self.dim)
        more = self.source.draw(self.domain, outer, generator(random_state))
        joined = [np.concatenate(two) for two in zip(self.neurons, more, strict=True)]
        return RandomReLUNetwork(joined[0], joined[1], joined[2], outer, self.source)

    def affine_form(self, flipped: Any) -> AffineForm:
        """Write s with some neurons looking towards the origin, and affine terms.

        Parameters
        ----------
        flipped : (K,) bool array
            Which neurons to flip: (u, t) becomes (-u, -t).

        Returns
        -------
        AffineForm
            ``slope = -sum v_k w_k`` and ``intercept = sum v_k b_k`` over flipped ones.

        Raises
        ------
        ValueError
            If `flipped` has another shape or is not boolean.
        """
        flipped = np.asarray(flipped)
        if flipped.shape != (self.n_neurons,) or flipped.dtype != bool:
            raise ValueError(
                f"flipped must be {self.n_neurons} booleans, one for each neuron; got "
                f"{flipped.dtype} of shape {flipped.shape}"
            )
        sign = np.where(flipped, -1.0, 1.0)
        w, b, v = sign[:, None] * self.directions, sign * self.thresholds, self.weights
        slope = -(v[flipped] @ w[flipped])
        return AffineForm(w, b, v, slope, float(v[flipped] @ b[flipped]))

    def knots(self) -> Array:
        """Return where s bends, sorted; in one dimension.

        Raises
        ------
        ValueError
            If there are more columns.
        """
        if self.dim != 1:
            raise ValueError(
                f"knots are points in one dimension; this realisation has {self.dim}: "
                "its creases are directions and thresholds"
            )
        return np.sort(self.directions[:, 0] * self.thresholds)

    def _inside(self, X: Any) -> Array:
        X = np.ascontiguousarray(read_points("X", X, self.dim))
        bad = np.flatnonzero(self.domain.outside(X))
        if bad.size:
            far = float(np.max(np.linalg.norm(X[bad], axis=1)))
            raise ValueError(
                f"row {bad[0]} of X ({bad.size} such rows) is outside the sampled "
                f"{self.domain}, where neurons have not been drawn: draw them with "
                f".extend({far:.6g})"
            )
        return X

    def __repr__(self) -> str:
        return (
            f"RandomReLUNetwork({self.n_neurons} neurons in dimension {self.dim}, "
            f"on {self.domain})"
        )


def _unit_rows(directions: Any, size: int) -> Array:
    U = np.asarray(directions)
    if U.ndim != 2 or len(U) != size or U.shape[1] < 1:
        raise ValueError(f"directions must have shape ({size}, d); got {U.shape}")
    U = check_vector("directions", U.ravel()).reshape(U.shape)
    lengths = np.linalg.norm(U, axis=1)
    bad = np.flatnonzero(~(np.abs(lengths - 1.0) <= _UNIT))
    if bad.size:
        raise ValueError(
            f"directions must be rows of unit length; row {bad[0]} has {lengths[bad[0]]}"
        )
    return U


def _refuse_smaller(old: Domain, new: Domain, dim: int) -> None:
    # One convex set holds another if no support function exceeds; for balls and boxes
    # the axes and the diagonals of the box are enough.
    U = np.vstack([np.eye(dim), *_diagonals(old), *_diagonals(new)])
    if np.any(old.support(U) > new.support(U) * (1.0 + 1e-12)):
        raise ValueError(
            f"a realisation can only be extended to a domain that holds {old}; got {new}"
        )


def _diagonals(domain: Domain) -> list[Array]:
    half = getattr(domain, "half_widths", None)
    return [] if half is None else [half[None] / np.linalg.norm(half)]
