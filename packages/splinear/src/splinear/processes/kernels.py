"""Covariances of random ReLU processes as kernels of scikit-learn."""

from abc import abstractmethod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from splinear.core.checks import check_scalar, check_vector
from splinear.processes._covariance_kernels import cubic, pinned
from splinear.processes._points import norms
from splinear.processes._sphere import covariance_constant, sphere_area

Array = NDArray[np.float64]
Bounds = tuple[float, float] | str

#: A point this much beyond the radius, relative to it, is rounding.
_ROUNDING = 1e-12


class _ProcessKernel(Kernel):
    """What both share: `variance` times a kernel without parameters, and checks."""

    variance: float
    variance_bounds: Bounds

    @property
    def hyperparameter_variance(self) -> Hyperparameter:
        """Rate times E[V^2], fitted on a logarithmic scale."""
        return Hyperparameter("variance", "numeric", self.variance_bounds)

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """Return k(X, Y), and the derivatives by the logarithms of the parameters.

        Parameters
        ----------
        X, Y : (N, d) and (M, d) array-like
            Points, finite; Y is X by default.
        eval_gradient : bool
            Whether to return derivatives too; only without Y.

        Returns
        -------
        K : (N, M) array
        K_gradient : (N, N, n_dims) array
            If asked for.

        Raises
        ------
        ValueError
            If Y is given together with `eval_gradient`, or a point is not in the domain.
        """
        if Y is not None and eval_gradient:
            raise ValueError("the gradient is that of k(X, X): leave Y out")
        check_scalar("variance", self.variance, low=0.0, strict=True)
        X = self._points("X", X)
        K = self._matrix(X, X if Y is None else self._points("Y", Y, X.shape[1]))
        if not eval_gradient:
            return K
        free = [h.name for h in self.hyperparameters if not h.fixed]
        slopes = [self._log_derivative(name, K, X) for name in free]
        return K, np.stack(slopes, axis=-1) if slopes else np.empty((*K.shape, 0))

    def is_stationary(self) -> bool:
        """Return False: the variance grows away from the origin."""
        return False

    def __repr__(self) -> str:
        values = ", ".join(
            f"{name}={value:.3g}"
            for name, value in self.get_params().items()
            if not name.endswith("_bounds")
        )
        return f"{type(self).__name__}({values})"

    @abstractmethod
    def _matrix(self, X: Array, Y: Array) -> Array: ...

    @abstractmethod
    def _log_derivative(self, name: str, K: Array, X: Array) -> Array: ...

    def _points(self, name: str, X: Any, dim: int | None = None) -> Array:
        X = np.atleast_2d(np.asarray(X))
        wanted = "d" if dim is None else dim
        if X.ndim != 2 or (dim is not None and X.shape[1] != dim):
            raise ValueError(f"{name} must have shape (N, {wanted}); got {X.shape}")
        return check_vector(name, X.ravel()).reshape(X.shape)


@final
class ReLUProcessKernel(_ProcessKernel):
    """Covariance of a random ReLU process, zero at the origin with its gradient.

    ``variance A_d (|x-y|^3 - |x|^3 - |y|^3 + 3 x.y (|x| + |y|))``: the form is (40) of
    Parhi et al. (JMLR 2025), the constant A_d derived here (theirs is too small by
    ``2 (2 pi)^(d-1)``). Of one column it is twice the integrated Wiener kernel on either
    side of the origin. A datum at the origin tells it nothing: add a `ConstantKernel`
    and a `DotProduct`, or use `CubicSplineGP`.

    Parameters
    ----------
    variance : float, > 0
        Rate times E[V^2] of the weights.
    variance_bounds : pair of floats or "fixed"
        Where scikit-learn may look for it.

    Examples
    --------
    >>> ReLUProcessKernel(2.0)([[1.0]], [[2.0]]).round(10)  # 2 (x^2 y - x^3 / 3)
    array([[3.33333333]])
    """

    def __init__(
        self, variance: float = 1.0, variance_bounds: Bounds = (1e-5, 1e5)
    ) -> None:
        self.variance = variance
        self.variance_bounds = variance_bounds

    def diag(self, X: Any) -> Array:
        """Return ``4 variance A_d |x|^3`` of each row.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite.

        Returns
        -------
        (N,) array
        """
        X = self._points("X", X)
        return 4.0 * self.variance * covariance_constant(X.shape[1]) * norms(X) ** 3

    def _matrix(self, X: Array, Y: Array) -> Array:
        return self.variance * covariance_constant(X.shape[1]) * pinned(X, Y)

    def _log_derivative(self, name: str, K: Array, X: Array) -> Array:
        return K  # linear in the variance


@final
class UniformBiasReLUKernel(_ProcessKernel):
    """Covariance of ReLU neurons with biases uniform on [-radius, radius].

    ``variance (A_d |x-y|^3 + omega_d radius^3 / 3 + omega_d radius x.y / d)`` for points
    within the radius; derived here. Not pinned at the origin, hence natural for
    regression; `ReLUProcessKernel` is what is left without its affine part there.

    Parameters
    ----------
    variance : float, > 0
        Rate times E[V^2] of the weights.
    radius : float, > 0
        At least the norm of every point, else the formula does not hold: an error.
    variance_bounds, radius_bounds : pair of floats or "fixed"
        Where scikit-learn may look; a fitted radius must not fall below the points.

    Examples
    --------
    >>> kernel = UniformBiasReLUKernel(radius=1.0)
    >>> kernel([[0.0]], [[0.0]]).round(10)  # 2 radius^3 / 3
    array([[0.66666667]])
    """

    def __init__(
        self,
        variance: float = 1.0,
        radius: float = 1.0,
        variance_bounds: Bounds = (1e-5, 1e5),
        radius_bounds: Bounds = "fixed",
    ) -> None:
        self.variance = variance
        self.radius = radius
        self.variance_bounds = variance_bounds
        self.radius_bounds = radius_bounds

    @property
    def hyperparameter_radius(self) -> Hyperparameter:
        """Half the range of the biases."""
        return Hyperparameter("radius", "numeric", self.radius_bounds)

    def diag(self, X: Any) -> Array:
        """Return k(x, x) of each row.

        Parameters
        ----------
        X : (N, d) array-like
            Points within the radius.

        Returns
        -------
        (N,) array
        """
        X = self._points("X", X)
        return self.variance * self._affine(np.sum(X**2, axis=1), X.shape[1])

    def _matrix(self, X: Array, Y: Array) -> Array:
        d = X.shape[1]
        K = covariance_constant(d) * cubic(X, Y)
        # einsum: rows of one point do not depend on the others, as a BLAS product's may
        return self.variance * (K + self._affine(np.einsum("ij,kj->ik", X, Y), d))

    def _affine(self, inner: Array, d: int, slope: bool = False) -> Array:
        """Return the affine part, or its derivative by log radius."""
        scale, R = sphere_area(d), self.radius
        constant = R**3 if slope else R**3 / 3.0
        return scale * (constant + R / d * inner)

    def _log_derivative(self, name: str, K: Array, X: Array) -> Array:
        if name == "variance":
            return K
        return self.variance * self._affine(X @ X.T, X.shape[1], slope=True)

    def _points(self, name: str, X: Any, dim: int | None = None) -> Array:
        X = super()._points(name, X, dim)
        radius = check_scalar("radius", self.radius, low=0.0, strict=True)
        far = norms(X).max(initial=0.0)
        if far > radius * (1.0 + _ROUNDING):
            raise ValueError(
                f"{name} has a point at distance {far:.6g} from the origin; the kernel "
                f"holds within radius {radius:.6g}: pass a larger radius, and bounds "
                "above that distance if it is fitted"
            )
        return X
