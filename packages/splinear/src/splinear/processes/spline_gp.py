"""Regression by a Gaussian process whose mean is the cubic polyharmonic spline."""

from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from splinear.core.checks import check_scalar
from splinear.core.random import generator
from splinear.processes._points import check_count
from splinear.processes._reml import estimate
from splinear.processes._sphere import covariance_constant
from splinear.processes._spline_system import condition, contrasts

Array = NDArray[np.float64]
Auto = Literal["auto"]

#: Entries of one block of kernel values: 32 MiB.
_BLOCK = 2**22


@final
class CubicSplineGP(RegressorMixin, BaseEstimator):
    """Gaussian process with the covariance of random ReLU networks, freely tilted.

    Covariance ``variance A_d |x-y|^3`` and a flat prior on affine functions. That is
    `ReLUProcessKernel` once its affine part is free, so that the origin plays no role.
    The mean is the cubic polyharmonic spline of `scipy.interpolate.RBFInterpolator`
    with ``smoothing = noise / (variance A_d)`` (derived here, tested to rounding), and
    the best linear predictor for *any* random ReLU process of that variance rate. The
    Gaussian process adds what the interpolator lacks: deviations, draws, likelihood,
    and with it the choice of both parameters.

    Time is cubic, memory quadratic in the rows.

    Parameters
    ----------
    noise : float, >= 0, or "auto"
        Variance of the noise in y; zero interpolates. "auto" maximises the restricted
        likelihood, that of contrasts in which no affine function takes part.
    variance : float, > 0, or "auto"
        Rate times E[V^2] of the weights, in squared units of y per cubed unit of x.

    Attributes
    ----------
    noise_, variance_ : float
        As given or estimated.
    smoothing_ : float
        ``noise_ / (variance_ A_d)``, the parameter of `RBFInterpolator`.
    dual_coef_ : (n,) array
        Coefficients of ``variance_ A_d |x - x_i|^3``.
    log_restricted_likelihood_ : float
        At `noise_` and `variance_`; affine functions measured in an orthonormal basis.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Examples
    --------
    >>> X = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.2]]
    >>> model = CubicSplineGP(noise=0.01, variance=1.0).fit(X, [0, 1, 1, 0, 0.5])
    >>> model.predict([[0.25, 0.75]]).round(10)
    array([0.6426708])
    """

    def __init__(
        self, noise: float | Auto = "auto", variance: float | Auto = "auto"
    ) -> None:
        self.noise = noise
        self.variance = variance

    def fit(self, X: Any, y: Any) -> "CubicSplineGP":
        """Condition on data.

        Parameters
        ----------
        X : (n, d) array-like
            Finite; at least d + 2 rows that span all columns.
        y : (n,) array-like
            Finite.

        Returns
        -------
        CubicSplineGP

        Raises
        ------
        TypeError
            If a parameter is neither a number nor "auto".
        ValueError
            If one is out of range, X is too flat, or rows repeat without noise.
        """
        noise = _number("noise", self.noise, strict=False)
        variance = _number("variance", self.variance, strict=True)
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        A = covariance_constant(X.shape[1])
        split = contrasts(X)
        center = float(np.mean(y))  # affine, hence free; it keeps roundings small
        tau, noise = estimate(
            split, y - center, None if variance is None else A * variance, noise
        )
        self._center = center
        self._posterior = condition(split, y - center, tau, noise)
        self.noise_, self.variance_ = noise, tau / A
        self.smoothing_ = noise / tau
        self.dual_coef_ = self._posterior.dual
        self.log_restricted_likelihood_ = self._posterior.log_likelihood
        return self

    def predict(
        self, X: Any, return_std: bool = False, return_cov: bool = False
    ) -> Any:
        """Return the posterior mean of the function, without noise.

        Parameters
        ----------
        X : (N, d) array-like
            Finite.
        return_std, return_cov : bool
            Whether to return deviations, (N,), or covariances, (N, N), too.

        Returns
        -------
        mean : (N,) array
        std or cov : array
            If asked for.

        Raises
        ------
        ValueError
            If both are asked for.
        """
        check_is_fitted(self)
        if return_std and return_cov:
            raise ValueError("ask for return_std or return_cov, not for both")
        X = validate_data(self, X, reset=False, dtype=np.float64)
        mean = self._center + self._by_blocks(self._posterior.mean, X)
        if return_cov:
            return mean, self._posterior.covariance(X)
        if return_std:
            return mean, np.sqrt(self._by_blocks(self._posterior.variance, X))
        return mean

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw functions from the posterior, at given points and without noise.

        Parameters
        ----------
        X : (N, d) array-like
            Finite.
        n_samples : int, >= 1
            Number of draws.
        random_state : None, int or Generator
            Source of the draws.

        Returns
        -------
        (N, n_samples) array
        """
        mean, cov = self.predict(X, return_cov=True)
        values, V = np.linalg.eigh(cov)
        size = (len(values), check_count("n_samples", n_samples))
        noise = generator(random_state).standard_normal(size)
        return mean[:, None] + (V * np.sqrt(np.maximum(values, 0.0))) @ noise

    def _by_blocks(self, function: Any, X: Array) -> Array:
        step = max(1, _BLOCK // len(self.dual_coef_))
        parts = [function(X[i : i + step]) for i in range(0, len(X), step)]
        return np.concatenate(parts)


def _number(name: str, value: Any, strict: bool) -> float | None:
    if isinstance(value, str) and value == "auto":
        return None
    if isinstance(value, str):
        raise ValueError(f"{name} must be a number or 'auto'; got {value!r}")
    return check_scalar(name, value, low=0.0, strict=strict)
