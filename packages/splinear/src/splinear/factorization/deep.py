"""The loss of deep matrix factorisation at a point, with exact second derivatives."""

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from splinear.core.checks import check_scalar
from splinear.factorization import _derivatives as derivatives
from splinear.factorization import _layer_checks as checks
from splinear.factorization import sharpness as routes
from splinear.factorization._bracket import gram_lower, gram_upper
from splinear.factorization._chain import Chain, join, spectral_norm, top_pair
from splinear.factorization._gram import gram, joint_spectrum
from splinear.factorization.flat import fit_spectrum, flattest_sharpness
from splinear.factorization.sharpness import Method, SharpnessResult
from splinear.factorization.spectrum import HessianSpectrum

Array = NDArray[np.float64]

#: Largest matrix whose eigenvalues are all computed: 8 * LARGEST**2 bytes.
LARGEST = 4000


@final
class DeepMatrixFactorization:
    """Layers W_1, ..., W_L and the loss ``c |W_L ... W_1 X - Y|_F^2 + lam sum |W_i|_F^2``.

    Everything about its second derivative in closed form, without automatic
    differentiation: at any point the gradient, Hessian-vector products and the trace; at
    zero residual the spectrum, from an operator of the size of Y instead of the number of
    parameters. What sharpness means at a minimum of this problem, and which minima are
    flattest, is the subject of [1]_, of which the abstract was read; the formulas here
    were derived for this library and are tested against automatic differentiation.

    Parameters
    ----------
    weights : sequence of (d_i, d_(i-1)) arrays
        First layer first; copied.
    target : (d_L, d_0) or, with `inputs`, (d_L, N) array, optional
        M or Y; the product itself by default, so that the residual is zero.
    weight_decay : float, lam >= 0
        Not a mean: it stands beside the sum of squares as in the formula.
    loss_scale : float, c > 0
        1 for ``|E|^2``, 0.5 for ``|E|^2 / 2``, 1/N for a mean over N columns.
    inputs : (d_0, N) array, optional
        X, one column for each sample; the identity by default.

    Raises
    ------
    TypeError
        If an entry is complex or no number.
    ValueError
        If shapes do not chain or an entry is not finite.

    References
    ----------
    .. [1] Kamber and Parhi, arXiv:2509.25783.

    Examples
    --------
    Two ways to write 1 as a product, of which the balanced one is flatter:

    >>> DeepMatrixFactorization([[[2.0]], [[0.5]]]).sharpness().value
    8.5
    >>> DeepMatrixFactorization([[[1.0]], [[1.0]]]).sharpness().value
    4.0
    """

    def __init__(
        self,
        weights: Sequence[Any],
        target: Any = None,
        *,
        weight_decay: float = 0.0,
        loss_scale: float = 1.0,
        inputs: Any = None,
    ) -> None:
        self.weights = checks.layers(weights)
        self.weight_decay = checks.weight_decay(weight_decay)
        self.loss_scale = checks.loss_scale(loss_scale)
        self.inputs = None if inputs is None else checks.matrix("inputs", inputs)
        d = self.weights[0].shape[1]
        if self.inputs is not None and len(self.inputs) != d:
            raise ValueError(
                f"inputs must have {d} rows, the columns of the first layer, and one "
                f"column for each sample; got shape {self.inputs.shape}"
            )
        shape = (
            len(self.weights[-1]),
            d if self.inputs is None else self.inputs.shape[1],
        )
        self.target = (
            self._product(self.inputs)
            if target is None
            else checks.matrix("target", target)
        )
        if self.target.shape != shape:
            raise ValueError(
                f"target must have shape {shape}, that of the product of the layers"
                f"{'' if inputs is None else ' with inputs'}; got {self.target.shape}"
            )
        self._chain = Chain(
            self.weights, *self._reduced(), self.loss_scale, self.weight_decay
        )
        self._chain.require_finite()

    def _product(self, X: Array | None) -> Array:
        return Chain(self.weights, X, np.empty((0, 0)), 1.0, 0.0).require_finite()

    def _reduced(self) -> tuple[Array | None, Array]:
        """Return X and Y with at most d_0 columns: only X X^T and Y X^T matter."""
        X, Y = self.inputs, self.target
        if X is None or X.shape[1] <= X.shape[0]:
            return X, Y
        Q, R = np.linalg.qr(X.T)
        return R.T, Y @ Q

    @property
    def depth(self) -> int:
        """Number of layers, L."""
        return len(self.weights)

    @property
    def widths(self) -> list[int]:
        """d_0, ..., d_L."""
        return [self.weights[0].shape[1], *[len(W) for W in self.weights]]

    @property
    def n_parameters(self) -> int:
        """Number of entries of all layers, P."""
        return self._chain.n_parameters

    def end_to_end(self) -> Array:
        """Return the product ``W_L ... W_1``, (d_L, d_0)."""
        return self._product(None).copy()

    def residual(self) -> Array:
        """Return ``W_L ... W_1 X - Y``, of the shape of the target."""
        return self._product(self.inputs) - self.target

    def loss(self) -> float:
        """Return the loss, weight decay included."""
        decay = sum(float(np.sum(W * W)) for W in self.weights)
        fit = float(np.sum(self.residual() ** 2))
        return self.loss_scale * fit + self.weight_decay * decay

    def gradient(self) -> list[Array]:
        """Return the gradient, one array for each layer.

        Examples
        --------
        >>> DeepMatrixFactorization([[[2.0]], [[1.0]]], [[1.0]]).gradient()
        [array([[2.]]), array([[4.]])]
        """
        return derivatives.gradient(self._chain)

    def hessian_vector_product(self, directions: Sequence[Any]) -> list[Array]:
        """Return the Hessian times a direction, at any point.

        Parameters
        ----------
        directions : sequence of arrays
            One of the shape of each layer.

        Examples
        --------
        >>> net = DeepMatrixFactorization([[[2.0]], [[1.0]]], [[1.0]])
        >>> net.hessian_vector_product([[[1.0]], [[0.0]]])
        [array([[2.]]), array([[6.]])]
        """
        U = checks.like_layers("directions", directions, self.weights)
        return derivatives.hessian_product(self._chain, U)

    def hessian_operator(self) -> LinearOperator:
        """Return the Hessian as a (P, P) operator; `flatten` says in which order.

        Examples
        --------
        >>> net = DeepMatrixFactorization([[[2.0]], [[1.0]]], [[1.0]])
        >>> net.hessian_operator() @ np.array([1.0, 0.0])
        array([2., 6.])
        """

        def product(x: Array) -> Array:
            return join(derivatives.hessian_product(self._chain, self._chain.split(x)))

        P = self.n_parameters
        return LinearOperator(
            (P, P),
            matvec=product,
            rmatvec=product,
            dtype=np.float64,
        )

    def flatten(self, layers: Sequence[Any]) -> Array:
        """Return layers as one vector, (P,): first layer first, each by rows."""
        return join(checks.like_layers("layers", layers, self.weights))

    def jacobian_gram_operator(self) -> LinearOperator:
        """Return ``X -> sum_i S_i S_i^T X R_i^T R_i`` on row-major (d_L, n) matrices.

        Its nonzero eigenvalues, times 2 c, are those of the Hessian at zero residual;
        n is d_0, or with inputs the smaller of N and d_0.
        """
        return gram(self._chain).operator()

    def hessian_trace(self) -> float:
        """Return the trace of the Hessian, exact at any point.

        Examples
        --------
        >>> DeepMatrixFactorization([[[2.0]], [[0.5]]]).hessian_trace()
        8.5
        """
        return derivatives.trace(self._chain)

    def hessian(self) -> Array:
        """Return the (P, P) Hessian itself, ordered as in `flatten`.

        Raises
        ------
        ValueError
            If there are more than 4000 parameters: take `hessian_operator`.
        """
        if self.n_parameters > LARGEST:
            raise ValueError(
                f"the Hessian of {self.n_parameters} parameters is too large to write "
                f"down (limit {LARGEST}): take hessian_operator"
            )
        return derivatives.dense_hessian(self._chain)

    def sharpness(self, method: Method = "auto", tol: float = 1e-12) -> SharpnessResult:
        """Return the largest eigenvalue of the Hessian.

        Parameters
        ----------
        method : {"auto", "closed_form", "gram", "hvp_lanczos", "dense"}
            "auto" takes a formula where there is one, then J J^T where the residual is
            zero, then the Hessian; "closed_form" and "gram" are refused elsewhere.
        tol : float, > 0
            Relative residual at which Lanczos stops.

        Returns
        -------
        SharpnessResult

        Raises
        ------
        ValueError
            If `method` is unknown or wrong at this residual.

        Examples
        --------
        >>> net = DeepMatrixFactorization([[[1.0], [2.0]], [[1.0, -1.0]]])
        >>> result = net.sharpness()
        >>> round(result.value, 10), result.method, result.exact
        (14.0, 'closed_form', True)
        """
        tol = check_scalar("tol", tol, low=0.0, strict=True)
        return routes.find_sharpness(self._chain, method, tol)

    def sharpness_bracket(self) -> tuple[float, float]:
        """Return bounds of the sharpness at zero residual, from spectral norms only.

        Below: the best of ``2 c sum |S_i^T u|^2 |R_i v|^2`` found by alternation; above:
        ``2 c sum |S_i|^2 |R_i|^2``; plus 2 lam both.

        Raises
        ------
        ValueError
            If the residual is not zero: take `sharpness`, whose bracket holds anywhere.
        """
        chain, shift = self._chain, 2.0 * self.weight_decay
        routes.require(
            routes.zero_residual(chain),
            chain,
            "this bracket",
            "take sharpness(), whose bracket holds anywhere",
        )
        least = gram_lower(gram(chain), top_pair(chain.R[-1])[2])[0]
        scale = 2.0 * self.loss_scale
        return scale * least + shift, scale * gram_upper(chain) + shift

    def hessian_spectrum(self) -> HessianSpectrum:
        """Return all eigenvalues with multiplicities.

        At zero residual by J J^T, else from the Hessian itself. At a global minimum
        with weight decay `RegularizedMatrixFactorization` has them in closed form.

        Raises
        ------
        ValueError
            If the matrix that this needs has more than 4000 rows.

        Examples
        --------
        >>> net = DeepMatrixFactorization([[[2.0]], [[0.5]]])
        >>> net.hessian_spectrum().to_array()
        array([8.5, 0. ])
        """
        if not routes.zero_residual(self._chain):
            values = np.linalg.eigvalsh(self.hessian())
            return HessianSpectrum.collect(values, np.ones(len(values)))
        spectrum = fit_spectrum(
            2.0 * self.loss_scale * self._gram_values(), self.n_parameters
        )
        return HessianSpectrum(
            spectrum.values + 2.0 * self.weight_decay, spectrum.multiplicities
        )

    def _gram_values(self) -> Array:
        operator = gram(self._chain)
        joint = joint_spectrum(operator)
        if joint is not None:
            return joint.values.ravel()
        if operator.size > LARGEST:
            raise ValueError(
                f"these layers have no closed form, and J J^T has {operator.size} rows "
                f"(limit {LARGEST}): take sharpness and hessian_trace"
            )
        return np.maximum(np.linalg.eigvalsh(operator.dense()), 0.0)

    def flatness_ratio(self) -> float:
        """Return sharpness over that of the flattest minimum with the same product.

        At least 1, and 1 at `balanced_factorization`; NaN for a zero product. Without
        weight decay and inputs, at zero residual.

        Raises
        ------
        ValueError
            With weight decay, inputs or a residual.

        Examples
        --------
        >>> DeepMatrixFactorization([[[2.0]], [[0.5]]]).flatness_ratio()
        2.125
        """
        self._require_plain("flatness_ratio")
        least = flattest_sharpness(self.target, self.depth, self.loss_scale)
        value = self.sharpness().value
        return value / least if least > 0.0 else math.nan

    def is_flat(self, rtol: float = 1e-8) -> bool:
        """Whether this minimum is a flattest one of its product, up to `rtol`.

        Raises
        ------
        ValueError
            As `flatness_ratio`.
        """
        self._require_plain("is_flat")
        least = flattest_sharpness(self.target, self.depth, self.loss_scale)
        return self.sharpness().value <= least * (1.0 + rtol)

    def spectral_norm_products(self) -> Array:
        """Return ``|S_i| |R_i| / |M|^(1 - 1/L)`` for each layer, (L,).

        All 1 is sufficient for a flattest minimum, at depth 2 and for scalars also
        necessary. Equal, but above 1, is not enough.

        Raises
        ------
        ValueError
            As `flatness_ratio`, or if the product is zero.

        Examples
        --------
        >>> layers = [np.diag([1.0, 3.0]), np.diag([3.0, 1.0])]
        >>> DeepMatrixFactorization(layers).spectral_norm_products().round(6)
        array([1.732051, 1.732051])
        """
        self._require_plain("spectral_norm_products")
        norm = spectral_norm(self.target)
        if norm == 0.0:
            raise ValueError(
                "the product must not be zero: there is nothing to divide by"
            )
        pairs = zip(self._chain.S_norms, self._chain.R_norms, strict=True)
        return np.array([s * r for s, r in pairs]) / norm ** (1.0 - 1.0 / self.depth)

    def _require_plain(self, what: str) -> None:
        if self.weight_decay > 0.0 or self.inputs is not None:
            raise ValueError(
                f"{what} compares with the flattest minimum, which is known without "
                "weight decay and inputs: leave them out, or take sharpness()"
            )
        chain, instead = self._chain, "take sharpness(), which is right anywhere"
        routes.require(routes.fits(chain), chain, what, instead)

    def max_stable_step_size(self) -> float:
        """Return ``2 / sharpness``, above which gradient descent leaves this minimum.

        Infinite where no direction curves upwards.

        Examples
        --------
        >>> DeepMatrixFactorization([[[1.0]], [[1.0]]]).max_stable_step_size()
        0.5
        """
        value = self.sharpness().value
        return 2.0 / value if value > 0.0 else math.inf
