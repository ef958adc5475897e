"""What random ReLU processes tend to: Gaussian and stable processes."""

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from splinear.core.checks import check_scalar
from splinear.core.random import generator
from splinear.processes._covariance_kernels import pinned
from splinear.processes._draw import Neurons, directions, keep, shell
from splinear.processes._points import check_count, check_dim, norms, read_points
from splinear.processes._sphere import (
    absolute_moment,
    covariance_constant,
    sphere_area,
)
from splinear.processes.domain import Domain, as_domain
from splinear.processes.network import RandomReLUNetwork

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class GaussianReLUProcess:
    """The Gaussian process with the covariance of random ReLU processes.

    Parameters
    ----------
    dim : int, >= 1
        Number of columns, d.
    variance_rate : float, > 0
        The limit of ``rate E[V^2]``.

    Raises
    ------
    TypeError
        If `variance_rate` is no number.
    ValueError
        If an argument is not positive.

    Examples
    --------
    >>> GaussianReLUProcess(1, 1.0).covariance([1.0], [2.0]).round(10)
    array([[1.66666667]])
    """

    dim: int
    variance_rate: float = 1.0

    #: Wide-sense and strict index of self-similarity.
    hurst_exponent = 1.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", check_dim(self.dim))
        value = check_scalar("variance_rate", self.variance_rate, low=0.0, strict=True)
        object.__setattr__(self, "variance_rate", value)

    def covariance(self, X: Any, Y: Any = None) -> Array:
        """Return the covariance of `RandomReLUProcess`.

        Parameters
        ----------
        X, Y : (N, d) and (M, d) array-like
            Points, finite; Y is X by default.

        Returns
        -------
        (N, M) array
        """
        X = read_points("X", X, self.dim)
        Y = X if Y is None else read_points("Y", Y, self.dim)
        return covariance_constant(self.dim) * self.variance_rate * pinned(X, Y)

    def simulate(self, X: Any, n_draws: int = 1, random_state: Any = None) -> Array:
        """Draw values at given points, exactly up to rounding.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite; the cost is cubic in their number.
        n_draws : int, >= 1
            Number of realisations.
        random_state : None, int or Generator
            Source of the draws.

        Returns
        -------
        (n_draws, N) array
        """
        values, V = np.linalg.eigh(self.covariance(X))
        root = V * np.sqrt(np.maximum(values, 0.0))
        size = (check_count("n_draws", n_draws), len(values))
        return generator(random_state).standard_normal(size) @ root.T


@final
@dataclass(frozen=True)
class StableReLUProcess:
    """The symmetric alpha-stable limit of random ReLU processes, 1 < alpha < 2.

    Thm. 11 of Parhi et al. (2025); scale, index and series are derived here.

    Parameters
    ----------
    dim : int, >= 1
        Number of columns, d.
    alpha : float, in (1, 2)
        Index; at 2 the limit is `GaussianReLUProcess`.
    scale : float, > 0
        b: the limit of ``rate^(1/alpha)`` times the scale of the weights.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If one is out of range.

    Examples
    --------
    >>> process = StableReLUProcess(2, alpha=1.25)
    >>> process.scale_at([[1.0, 0.0]]).round(10)
    array([1.25874896])
    >>> process.hurst_exponent
    1.8
    """

    dim: int
    alpha: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", check_dim(self.dim))
        alpha = check_scalar("alpha", self.alpha, low=1.0, high=2.0, strict=True)
        if alpha == 2.0:
            raise ValueError("alpha must be below 2: at 2 take GaussianReLUProcess")
        object.__setattr__(self, "alpha", alpha)
        scale = check_scalar("scale", self.scale, low=0.0, strict=True)
        object.__setattr__(self, "scale", scale)

    @property
    def hurst_exponent(self) -> float:
        """Index of self-similarity, ``1 + 1/alpha``."""
        return 1.0 + 1.0 / self.alpha

    def scale_at(self, X: Any) -> Array:
        """Return the scale of s(x), ``b (c_(alpha+1) |x|^(alpha+1)/(alpha+1))^(1/alpha)``.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite.

        Returns
        -------
        (N,) array
        """
        a, r = self.alpha, norms(read_points("X", X, self.dim))
        c = absolute_moment(a + 1.0, self.dim)
        return self.scale * (c * r ** (a + 1.0) / (a + 1.0)) ** (1.0 / a)

    def log_characteristic_function(self, xi: Any, x: Any) -> Array:
        """Return ``-|scale_at(x) xi|^alpha``.

        Parameters
        ----------
        xi : array-like
            Frequencies.
        x : (d,) array-like
            Point, finite.

        Returns
        -------
        array, of the shape of xi
        """
        (scale,) = self.scale_at(np.ravel(x))
        return -(np.abs(scale * np.asarray(xi, dtype=np.float64)) ** self.alpha)

    def sample(
        self, domain: Any, n_terms: int = 10_000, random_state: Any = None
    ) -> RandomReLUNetwork:
        """Draw a realisation by its LePage series, the largest creases first.

        Parameters
        ----------
        domain : float, CenteredBall or CenteredBox
            A number is the radius of a ball.
        n_terms : int, >= 1
            Terms on the ball around the domain; `truncation_error` says what is left.
        random_state : None, int or Generator
            Source of the draw.

        Returns
        -------
        RandomReLUNetwork
            Extends with as many terms per unit of radius as before.
        """
        where = as_domain(domain, self.dim)
        density = check_count("n_terms", n_terms) / where.outer_radius(self.dim)
        series = LePageSeries(self, density)
        drawn = series.draw(None, where, generator(random_state))
        return RandomReLUNetwork(drawn.u, drawn.t, drawn.v, where, series)

    def truncation_error(self, X: Any, radius: float, n_terms: int) -> Array:
        """Return the standard deviation of what a series leaves out at each point.

        Exact, though s itself has no variance: the terms left out are bounded.

        Parameters
        ----------
        X : (N, d) array-like
            Points of the ball.
        radius : float, > 0
            Of the ball.
        n_terms : int, >= 2
            Terms of the series; with one the deviation is infinite.

        Returns
        -------
        (N,) array
        """
        r = norms(read_points("X", X, self.dim))
        J, p = check_count("n_terms", n_terms, low=2), 2.0 / self.alpha
        radius = as_domain(radius, self.dim).outer_radius(self.dim)
        # sum over j > J of E Gamma_j^-p telescopes to Gamma(J+1-p) / ((p-1) Gamma(J)).
        tail = math.exp(gammaln(J + 1 - p) - gammaln(J)) / (p - 1.0)
        # E (u . x - t)_+^2 over u uniform and t uniform on (0, radius)
        each = (
            absolute_moment(3, self.dim) * r**3 / 6.0 / sphere_area(self.dim) / radius
        )
        return series_factor(self, radius) * np.sqrt(tail * each)


@final
@dataclass(frozen=True)
class LePageSeries:
    """Draws the largest neurons of a stable process.

    Parameters
    ----------
    process : StableReLUProcess
        What is approximated.
    density : float, > 0
        Terms per unit of radius.
    """

    process: StableReLUProcess
    density: float

    @property
    def dim(self) -> int:
        """Number of columns."""
        return self.process.dim

    def draw(
        self, inner: Domain | None, outer: Domain, rng: np.random.Generator
    ) -> Neurons:
        """Draw the neurons that bend `outer` and vanish on `inner`.

        ``v_j = (C_alpha b^alpha 2 omega_d (t_max - t_min))^(1/alpha) e_j
        Gamma_j^(-1/alpha)``, Gamma_j the arrivals of a Poisson process, e_j coins.

        Parameters
        ----------
        inner : Domain or None
            Where neurons are drawn already.
        outer : Domain
            Holds `inner`.
        rng : Generator
            Source of the draw.

        Returns
        -------
        Neurons
        """
        low, high = shell(inner, outer, self.dim)
        count = round(self.density * max(high - low, 0.0))
        arrivals = np.cumsum(rng.standard_exponential(count))
        signs = rng.choice([-1.0, 1.0], size=count)
        v = signs * arrivals ** (-1.0 / self.process.alpha)
        v *= series_factor(self.process, max(high - low, 0.0))
        U, t = directions(rng, count, self.dim), rng.uniform(low, high, count)
        kept = keep(inner, outer, U, t)
        return Neurons(U[kept], t[kept], v[kept])


def series_factor(process: StableReLUProcess, width: float) -> float:
    """Return what multiplies ``Gamma_j^(-1/alpha)`` on a shell of thresholds.

    Parameters
    ----------
    process : StableReLUProcess
        What is approximated.
    width : float, >= 0
        Width of the shell.
    """
    a = process.alpha
    C = (1.0 - a) / (math.gamma(2.0 - a) * math.cos(math.pi * a / 2.0))
    mass = 2.0 * sphere_area(process.dim) * width
    return process.scale * (C * mass) ** (1.0 / a)
