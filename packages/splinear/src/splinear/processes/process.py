"""Random ReLU processes: what is drawn, and what is known in closed form."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.core.random import generator
from splinear.processes._characteristic import log_characteristic
from splinear.processes._covariance_kernels import pinned
from splinear.processes._draw import Neurons, poisson_neurons
from splinear.processes._points import check_count, check_dim, norms, read_points
from splinear.processes._simulate import simulate
from splinear.processes._sphere import absolute_moment, covariance_constant
from splinear.processes.domain import Domain, as_domain
from splinear.processes.laws import Gaussian, SymmetricStable, WeightLaw
from splinear.processes.network import RandomReLUNetwork
from splinear.processes.regions import expected_regions

if TYPE_CHECKING:
    from splinear.processes.limits import GaussianReLUProcess, StableReLUProcess

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class RandomReLUProcess:
    """``s(x) = sum_k v_k (u_k . x - t_k)_+`` over a Poisson process of hyperplanes.

    The process RP(rate; P_V) of Parhi, Bohra, El Biari, Pourya and Unser [1]_, pinned at
    the origin: s(0) = 0 and grad s(0) = 0. Hyperplanes ``u . x = t`` come as a Poisson
    process of intensity ``2 rate du dt`` on unit vectors u and t > 0 with the *surface*
    measure du, weights v_k are independent draws of a law. Neurons look away from the
    origin, which absorbs the affine terms of [1]_ exactly (derived here), so that a
    sample on a ball is exact and can be enlarged.

    Parameters
    ----------
    dim : int, >= 1
        Number of columns, d.
    rate : float, > 0
        Intensity, per area of the sphere and unit of length: of the inverse units of x.
    weight_law : WeightLaw
        Law of the weights, standard normal by default.

    Raises
    ------
    TypeError
        If `rate` is no number or `weight_law` no law.
    ValueError
        If `dim` or `rate` is not positive.

    References
    ----------
    .. [1] R. Parhi, P. Bohra, A. El Biari, M. Pourya, M. Unser, "Random ReLU neural
       networks as non-Gaussian processes", JMLR 26 (2025), no. 19.

    Examples
    --------
    >>> process = RandomReLUProcess(dim=2, rate=1.0)
    >>> s = process.sample(1.0, random_state=0)
    >>> s([[0.0, 0.0]])
    array([0.])
    >>> process.covariance([[1.0, 0.0]], [[0.0, 1.0]]).round(10)
    array([[0.18409492]])
    """

    dim: int
    rate: float
    weight_law: WeightLaw = field(default_factory=Gaussian)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", check_dim(self.dim))
        rate = check_scalar("rate", self.rate, low=0.0, strict=True)
        object.__setattr__(self, "rate", rate)
        if not isinstance(self.weight_law, WeightLaw):
            raise TypeError(
                "weight_law must be Gaussian(), Rademacher(), SymmetricStable(alpha) or "
                f"UserLaw(rvs, moments); got {self.weight_law!r}"
            )

    def sample(self, domain: Any, random_state: Any = None) -> RandomReLUNetwork:
        """Draw one realisation on a ball or box around the origin, exactly.

        Parameters
        ----------
        domain : float, CenteredBall or CenteredBox
            A number is the radius of a ball, in the units of x.
        random_state : None, int or Generator
            Source of the draw.

        Returns
        -------
        RandomReLUNetwork
            With `expected_width(domain)` neurons on average.
        """
        where = as_domain(domain, self.dim)
        drawn = self.draw(None, where, generator(random_state))
        return RandomReLUNetwork(drawn.u, drawn.t, drawn.v, where, self)

    def draw(
        self, inner: Domain | None, outer: Domain, rng: np.random.Generator
    ) -> Neurons:
        """Draw the neurons that bend `outer` and vanish on `inner`.

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
        return poisson_neurons(self.rate, self.weight_law, inner, outer, self.dim, rng)

    def simulate(self, X: Any, n_draws: int, random_state: Any = None) -> Array:
        """Draw independent realisations, each seen at the same points only.

        Parameters
        ----------
        X : (M, d) array-like
            Points, finite.
        n_draws : int, >= 1
            Number of realisations.
        random_state : None, int or Generator
            Source of the draws.

        Returns
        -------
        (n_draws, M) array

        Examples
        --------
        >>> s = RandomReLUProcess(2, 1.0).simulate([[1.0, 0.0]], 3, random_state=0)
        >>> s.shape
        (3, 1)
        """
        X, draws = read_points("X", X, self.dim), check_count("n_draws", n_draws)
        return simulate(self.rate, self.weight_law, X, draws, generator(random_state))

    def mean(self, X: Any) -> Array:
        """Return ``E s(x) = rate E[V] c_2 |x|^2 / 2``, (39) of the paper.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite.

        Returns
        -------
        (N,) array
        """
        return self.cumulant(X, 1)

    def covariance(self, X: Any, Y: Any = None) -> Array:
        """Return ``A_d rate E[V^2] (|x-y|^3 - |x|^3 - |y|^3 + 3 x.y (|x| + |y|))``.

        The form is (40) of the paper. The constant ``A_d = pi^((d-1)/2) / (6
        Gamma((d+3)/2))`` is derived here: the printed one is too small by the factor
        ``2 (2 pi)^(d-1)``, and simulation rejects it.

        Parameters
        ----------
        X, Y : (N, d) and (M, d) array-like
            Points, finite; Y is X by default.

        Returns
        -------
        (N, M) array

        Raises
        ------
        ValueError
            If the weights have no finite variance.
        """
        X = read_points("X", X, self.dim)
        Y = X if Y is None else read_points("Y", Y, self.dim)
        return covariance_constant(self.dim) * self.variance_rate * pinned(X, Y)

    def variance(self, X: Any) -> Array:
        """Return ``rate E[V^2] c_3 |x|^3 / 3``, the diagonal of `covariance`.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite.

        Returns
        -------
        (N,) array
        """
        self._finite_variance("the variance")
        return self.cumulant(X, 2)

    def cumulant(self, X: Any, n: int) -> Array:
        """Return the n-th cumulant ``rate E[V^n] c_(n+1) |x|^(n+1) / (n+1)``.

        Derived here, for a sum over a Poisson process has cumulants that are integrals.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite.
        n : int, >= 1
            Order.

        Returns
        -------
        (N,) array

        Raises
        ------
        ValueError
            If E[V^n] of the weights is not finite.
        """
        n = check_count("n", n)
        moment = self.weight_law.finite_moment(n, f"cumulant {n}")
        r = norms(read_points("X", X, self.dim))
        c = absolute_moment(n + 1, self.dim)
        return self.rate * moment * c * r ** (n + 1) / (n + 1)

    def excess_kurtosis(self, X: Any) -> Array:
        """Return ``kappa_4 / kappa_2^2``, of order 1 / (rate |x|): never Gaussian.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite; at the origin s is constant and the value NaN.

        Returns
        -------
        (N,) array

        Raises
        ------
        ValueError
            If E[V^4] of the weights is not finite.

        Examples
        --------
        >>> RandomReLUProcess(2, 1.0).excess_kurtosis([[0.8, 0.0]]).round(12)
        array([2.025])
        """
        four, two = self.cumulant(X, 4), self.cumulant(X, 2)
        return np.divide(four, two**2, out=np.full_like(two, np.nan), where=two > 0.0)

    def zero_probability(self, X: Any) -> Array:
        """Return ``P(s(x) = 0) = exp(-rate c_1 |x|)``: no neuron is active at x.

        With one active neuron or more the value is a sum of continuous variables with
        factors that are not zero, whatever the admissible law.

        Parameters
        ----------
        X : (N, d) array-like
            Points, finite.

        Returns
        -------
        (N,) array

        Examples
        --------
        >>> RandomReLUProcess(2, 1.0).zero_probability([[0.9, 0.0]]).round(10)
        array([0.02732372])
        """
        r = norms(read_points("X", X, self.dim))
        return np.exp(-self.rate * absolute_moment(1, self.dim) * r)

    def zero_function_probability(self, domain: Any) -> float:
        """Return the probability that s is zero on the whole domain.

        Parameters
        ----------
        domain : float, CenteredBall or CenteredBox
            Around the origin.
        """
        return float(np.exp(-self.expected_width(domain)))

    def log_characteristic_function(self, xi: Any, x: Any) -> NDArray[Any]:
        """Return ``log E exp(i xi s(x))`` at one point; real for symmetric laws.

        ``rate int_S int_0^|u.x| (phi_V(xi k) - 1) dk du``, which is (35) of the paper at
        a point, by adaptive quadrature to about 1e-10.

        Parameters
        ----------
        xi : array-like
            Frequencies, finite, in the inverse units of s.
        x : (d,) array-like
            Point, finite.

        Returns
        -------
        array, of the shape of xi

        Raises
        ------
        ValueError
            If the quadrature does not converge, or the law has no known function.

        Examples
        --------
        >>> process = RandomReLUProcess(2, 1.0, SymmetricStable(1.25))
        >>> np.exp(process.log_characteristic_function([1.0], [0.8, 0.0])).round(5)
        array([0.51326])
        """
        shape = np.shape(xi)
        xi = check_vector("xi", np.ravel(xi))
        r = norms(read_points("x", np.ravel(x), self.dim))
        if r.size != 1:
            raise ValueError(f"x must be one point; got {r.size}")
        value = log_characteristic(
            self.rate, self.weight_law, self.dim, xi, np.full(xi.shape, r[0])
        )
        return value.reshape(shape)[()]

    def expected_width(self, domain: Any) -> float:
        """Return the mean number of neurons, twice the rate by the total support.

        Parameters
        ----------
        domain : float, CenteredBall or CenteredBox
            Around the origin.

        Examples
        --------
        >>> from splinear.processes import CenteredBox
        >>> RandomReLUProcess(2, 10.0).expected_width(CenteredBox([1.0, 1.0]))
        160.0
        """
        return 2.0 * self.rate * as_domain(domain, self.dim).total_support(self.dim)

    def expected_linear_regions(self, domain: Any) -> float:
        """Return the mean number of linear regions on the domain.

        Parameters
        ----------
        domain : float, CenteredBall or CenteredBox
            Around the origin.
        """
        return expected_regions(self.rate, as_domain(domain, self.dim), self.dim)

    @property
    def variance_rate(self) -> float:
        """``rate E[V^2]``, all that the covariance knows of rate and law."""
        self._finite_variance("the covariance")
        return self.rate * self.weight_law.moment(2)

    @property
    def hurst_exponent(self) -> float:
        """Index of self-similarity, ``1 + 1/alpha``: 3/2 with a finite variance.

        With a finite variance in the wide sense, at every rate (Thm. 10.4 of the paper:
        ``C(ax, ay) = a^3 C(x, y)``); for stable weights that of the limit (derived here).

        Raises
        ------
        ValueError
            If E[V] is not zero: mean and fluctuations then scale differently.
        """
        self._centered("the process is self-similar only if")
        return 1.0 + 1.0 / self.weight_law.index

    def at_rate(self, rate: float) -> "RandomReLUProcess":
        """Return the process of another rate with the same limit.

        Weights are scaled by ``(self.rate / rate)^(1/alpha)``, so that a finite variance
        of s does not change (Thm. 11 of the paper).

        Parameters
        ----------
        rate : float, > 0
            New rate.

        Returns
        -------
        RandomReLUProcess
        """
        rate = check_scalar("rate", rate, low=0.0, strict=True)
        factor = (self.rate / rate) ** (1.0 / self.weight_law.index)
        return replace(self, rate=rate, weight_law=self.weight_law.scaled(factor))

    def limit(self) -> "GaussianReLUProcess | StableReLUProcess":
        """Return what `at_rate` tends to: a Gaussian or a stable process.

        Thm. 11 of the paper for symmetric stable weights; with zero mean and a finite
        variance it is the central limit theorem.

        Returns
        -------
        GaussianReLUProcess or StableReLUProcess

        Raises
        ------
        ValueError
            If E[V] is not zero: the mean then grows without bound.

        Examples
        --------
        >>> round(RandomReLUProcess(2, 100.0, Gaussian(0.1)).limit().variance_rate, 12)
        1.0
        """
        from splinear.processes.limits import GaussianReLUProcess, StableReLUProcess

        self._centered("the process has a limit only if")
        if self.weight_law.index == 2.0:
            return GaussianReLUProcess(self.dim, self.variance_rate)
        law = self.weight_law
        if not isinstance(law, SymmetricStable):
            raise ValueError(f"the limit is known for symmetric stable laws; got {law}")
        scale = law.scale * self.rate ** (1.0 / law.alpha)
        return StableReLUProcess(self.dim, law.alpha, scale)

    def _finite_variance(self, purpose: str) -> None:
        self.weight_law.finite_moment(2, purpose)

    def _centered(self, condition: str) -> None:
        mean = self.weight_law.moment(1)
        if mean != 0.0:
            raise ValueError(
                f"{condition} E[V] = 0; this law has {mean:g}: take a centred one"
            )
