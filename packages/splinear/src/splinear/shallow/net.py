"""Shallow networks as immutable values: the functions that solvers return."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from splinear.shallow import _net_checks as checks
from splinear.shallow import _polynomial as polynomial
from splinear.shallow.atoms import AtomFamily, family

if TYPE_CHECKING:
    from splinear.shallow.domain import Ball, Box

Array = NDArray[np.float64]
Coupling = Literal["joint", "independent"]

#: Largest number of entries of a block of activations: 16 MiB.
_BLOCK = 2**21


@final
@dataclass(frozen=True, eq=False, repr=False)
class ShallowNet:
    """``f(x) = sum_k coef[k] rho(directions[k] . x - offsets[k]) + q(x)``, to R^D.

    ``rho`` is ReLU by default; ``q(x) = skip.T x + intercept`` is the skip connection,
    which no norm sees. With an order m > 2 it is a polynomial of degree m - 1 with the
    monomials of `skip_exponents`.

    Parameters
    ----------
    directions : (K, d) array
        Rows of unit length; `from_neurons` takes any.
    offsets : (K,) array
        In the units of x.
    coef : (K, D) array
        A vector is taken for one output.
    skip : (d, D) array
        For order m > 2 one row for each of `skip_exponents`, the first d linear.
    intercept : (D,) array
        A number is taken for one output.
    order : int, m >= 2
        Order of the kinks.
    activation : {"relu", "absolute", "truncated_power"}
        Family of the neurons; "relu" of order m > 2 is the truncated power.

    Raises
    ------
    TypeError
        If an argument holds no real numbers.
    ValueError
        If shapes do not fit, a direction is not of unit length, or an entry is not
        finite.

    Examples
    --------
    ``|x1 - x2|`` from one neuron and the skip connection:

    >>> u = np.array([[1.0, -1.0]]) / np.sqrt(2.0)
    >>> f = ShallowNet(u, [0.0], [2.0 * np.sqrt(2.0)], [-1.0, 1.0], 0.0)
    >>> f([[3.0, 1.0], [1.0, 4.0]]).ravel().round(12)
    array([2., 3.])
    >>> f
    ShallowNet(1 relu neuron, 2 inputs -> 1 output, sum of norms 2.82843)
    """

    directions: Array
    offsets: Array
    coef: Array
    skip: Array
    intercept: Array
    order: int = 2
    activation: str = "relu"

    def __post_init__(self) -> None:
        atoms = family(self.activation, self.order)
        for name, value in checks.net_fields(self, atoms).items():
            value = np.array(value, dtype=np.float64, order="C")
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "order", atoms.order)
        object.__setattr__(self, "activation", atoms.name)

    @classmethod
    def from_neurons(
        cls,
        weights: Any,
        biases: Any,
        outer: Any,
        skip: Any = None,
        intercept: Any = None,
        *,
        order: int = 2,
        activation: str = "relu",
    ) -> "ShallowNet":
        """Build ``sum_k outer[k] rho(weights[k] . x - biases[k]) + q(x)``.

        Directions become unit vectors and their lengths go to the coefficients.

        Parameters
        ----------
        weights : (K, d) array
            Of any length; a neuron of weight zero is a constant.
        biases : (K,) array
            Thresholds: the negative of what torch and scikit-learn call bias.
        outer : (K, D) array
            Second layer.
        skip, intercept : arrays, optional
            As of the class; zero by default.
        order : int, m >= 2
            Order of the kinks.
        activation : str
            As of the class.

        Returns
        -------
        ShallowNet

        Examples
        --------
        >>> f = ShallowNet.from_neurons(
        ...     [[3.0, 4.0], [0.0, 0.0]], [5.0, -1.0], [2.0, 7.0]
        ... )
        >>> f.directions, f.offsets, f.coef, f.intercept
        (array([[0.6, 0.8]]), array([1.]), array([[10.]]), array([7.]))
        """
        atoms = family(activation, order)
        w, b, v = checks.neurons(weights, biases, outer)
        d, D = w.shape[1], v.shape[1]
        rows = len(polynomial.exponents(d, atoms.skip_degree))
        skip = np.zeros((rows, D)) if skip is None else skip
        intercept = np.zeros(D) if intercept is None else intercept
        # Scaled by a power of two first: squares of 1e-200 are zero.
        size = np.exp2(np.ceil(np.log2(np.max(np.abs(w), axis=1, initial=1e-300))))
        lengths = np.linalg.norm(w / size[:, None], axis=1)
        dead = lengths == 0.0
        constants = atoms.evaluate(np.zeros((1, dead.sum())), b[dead]) @ v[dead]
        live, size, lengths = ~dead, size[~dead], lengths[~dead]
        units = w[live] / size[:, None] / lengths[:, None]
        net = cls(
            units,
            b[live] / size / lengths,
            v[live] * ((size * lengths) ** atoms.homogeneity)[:, None],
            skip,
            intercept,
            atoms.order,
            atoms.name,
        )
        return replace(net, intercept=net.intercept + constants[0])

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "ShallowNet":
        """Read what `to_dict` wrote, to the last bit.

        Raises
        ------
        ValueError
            If the record is of another type or version, or lacks a field.
        """
        return cls(**checks.read_record(record))

    def to_dict(self) -> dict[str, Any]:
        """Return numbers and lists that JSON writes exactly."""
        return checks.write_record(self)

    @property
    def atoms(self) -> AtomFamily:
        """The family of the neurons."""
        return family(self.activation, self.order)

    @property
    def n_neurons(self) -> int:
        """K."""
        return len(self.offsets)

    @property
    def n_inputs(self) -> int:
        """d."""
        return self.directions.shape[1]

    @property
    def n_outputs(self) -> int:
        """D."""
        return self.coef.shape[1]

    @property
    def skip_exponents(self) -> NDArray[np.intp]:
        """Exponents (P, d) of the monomials that the rows of `skip` multiply."""
        return polynomial.exponents(self.n_inputs, self.atoms.skip_degree)

    def __call__(self, X: Any) -> Array:
        """Evaluate; memory beyond X and the result stays below some 50 MiB.

        Parameters
        ----------
        X : (N, d) array-like
            Finite; a vector is taken for a column if d = 1.

        Returns
        -------
        (N, D) array
        """
        X = checks.inputs(X, self.n_inputs)
        result = np.empty((len(X), self.n_outputs))
        for rows, block in self._blocks(X, self.n_neurons + len(self.skip)):
            result[rows] = self._values(block)
        return result

    def gradient(self, X: Any) -> Array:
        """Derivatives of each output by each input; at a kink those of one side.

        Parameters
        ----------
        X : (N, d) array-like
            Finite.

        Returns
        -------
        (N, D, d) array

        Examples
        --------
        >>> f = ShallowNet([[1.0]], [0.0], [2.0], [[1.0]], [0.0])
        >>> f.gradient([[-1.0], [1.0]]).ravel()
        array([1., 3.])
        """
        X = checks.inputs(X, self.n_inputs)
        shape = (len(X), self.n_outputs, self.n_inputs)
        result = np.empty(shape)
        # Row k: coef[k] directions[k]', flat, so that one product sums over neurons.
        outer = self.coef[:, :, None] * self.directions[:, None, :]
        outer = outer.reshape(self.n_neurons, -1)
        width = self.n_neurons + len(self.skip) * self.n_inputs
        for rows, block in self._blocks(X, width):
            slopes = self.atoms.derivative(block @ self.directions.T, self.offsets)
            part = (slopes @ outer).reshape(len(block), *shape[1:])
            result[rows] = part + self._skip_gradient(block)
        return result

    def features(self, X: Any) -> Array:
        """Activations ``rho(directions[k] . x - offsets[k])``, (N, K), not chunked.

        Parameters
        ----------
        X : (N, d) array-like
            Finite.
        """
        X = np.asarray(checks.inputs(X, self.n_inputs), dtype=np.float64)
        return self.atoms.evaluate(X @ self.directions.T, self.offsets)

    def path_norm(self, coupling: Coupling = "joint") -> float:
        """Cost of the neurons as they stand, ``unit_cost * sum_k |coef[k]|``.

        At least `variation_norm`, which merges neurons of one hyperplane first.

        Parameters
        ----------
        coupling : {"joint", "independent"}
            Euclidean norm over outputs, or sum of absolute values.
        """
        sizes = checks.norms(self.coef, coupling)
        return self.atoms.unit_cost * float(np.sum(sizes))

    def variation_norm(self, coupling: Coupling = "joint") -> float:
        """R-TV seminorm of the function: `path_norm` of the canonical form.

        Parameters
        ----------
        coupling : {"joint", "independent"}
            Euclidean norm over outputs, or sum of absolute values.
        """
        return self.canonical().path_norm(coupling)

    def canonical(
        self, domain: "Ball | Box | Array | None" = None, tol: float | None = None
    ) -> "ShallowNet":
        """Write the same function with one neuron per hyperplane, sorted.

        Parameters
        ----------
        domain, tol
            See `splinear.shallow.canonicalise`.
        """
        from splinear.shallow.canonical import canonicalise

        return canonicalise(self, domain, tol)

    def in_units(
        self, center: Any, scale: Any, out_center: Any = 0.0, out_scale: Any = 1.0
    ) -> "ShallowNet":
        """Return ``x -> out_center + out_scale f((x - center) / scale)``.

        Parameters
        ----------
        center, scale : (d,) arrays
            What was done to the columns before f was fitted; scale > 0.
        out_center, out_scale : float or (D,) arrays
            What was done to the outputs.

        Returns
        -------
        ShallowNet

        Examples
        --------
        >>> f = ShallowNet([[1.0]], [0.0], [1.0], [[0.0]], [0.0])
        >>> f.in_units([10.0], [2.0])([[14.0]])
        array([[2.]])
        """
        d, D = self.n_inputs, self.n_outputs
        center, scale = checks.units(center, scale, d)
        shift, factor = checks.units(out_center, out_scale, D)
        weights = self.directions / scale
        skip, constant = polynomial.substitute(
            self.skip, d, self.atoms.skip_degree, center, scale
        )
        return ShallowNet.from_neurons(
            weights,
            self.offsets + weights @ center,
            self.coef * factor,
            skip * factor,
            (self.intercept + constant) * factor + shift,
            order=self.order,
            activation=self.activation,
        )

    def _values(self, X: Array) -> Array:
        result = self.atoms.evaluate(X @ self.directions.T, self.offsets) @ self.coef
        result += polynomial.design(X, self.atoms.skip_degree) @ self.skip
        result += self.intercept
        return result

    def _skip_gradient(self, X: Array) -> Array:  # (n, D, d), or broadcast to it
        if self.atoms.skip_degree == 1:
            return self.skip.T[None]
        table = polynomial.design_gradient(X, self.atoms.skip_degree)
        return np.einsum("npd,po->nod", table, self.skip)

    def _blocks(self, X: Array, width: int) -> Iterator[tuple[slice, Array]]:
        step = max(1, _BLOCK // max(1, width, self.n_inputs))
        for start in range(0, len(X), step):
            rows = slice(start, start + step)
            yield rows, checks.finite_rows(X[rows], start)

    def __repr__(self) -> str:
        counts = (
            checks.plural(self.n_neurons, f"{self.activation} neuron"),
            checks.plural(self.n_inputs, "input"),
            checks.plural(self.n_outputs, "output"),
        )
        order = f" of order {self.order}" if self.order > 2 else ""
        return (
            f"ShallowNet({counts[0]}{order}, {counts[1]} -> {counts[2]}, "
            f"sum of norms {self.path_norm():.6g})"
        )
