"""Deep matrix factorisation with weight decay: the global minimiser in closed form."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar
from splinear.factorization import _layer_checks as checks
from splinear.factorization import _regularized_spectrum as blocks
from splinear.factorization.flat import place_factors
from splinear.factorization.shrinkage import schatten_shrinkage
from splinear.factorization.spectrum import HessianSpectrum
from splinear.factorization.thresholds import critical_singular_value

Array = NDArray[np.float64]

#: Relative distance below which a singular value counts as on the threshold.
TIE = 1e-8


@final
class RegularizedMatrixFactorization:
    """Minimise ``c |W_L ... W_1 - M|_F^2 + lam sum_i |W_i|_F^2`` over all layers.

    One SVD of M and a scalar problem for each singular value. All minimisers have one
    product, up to a null set of M, and differ by rotations of the hidden layers, so that
    the Hessian has the same spectrum at each of them. Uniqueness off a null set and the
    constant spectrum of the scalar problem are announced in the abstract of [1]_; the
    formulas, also for matrices, were derived here.

    Not a scikit-learn estimator: M is a matrix to factorise, not rows of data.

    Parameters
    ----------
    depth : int, L >= 1
        Number of layers.
    weight_decay : float, lam > 0
        In the scale of the formula. Unequal ones of the layers have the product for
        their geometric mean.
    widths : sequence of int, optional
        d_0, ..., d_L; hidden widths are min(d_0, d_L) by default.
    loss_scale : float, c > 0
        1 for ``|E|^2``, 0.5 for ``|E|^2 / 2``.

    Attributes
    ----------
    end_to_end_ : (d_L, d_0) array
        The product of the layers.
    singular_values_ : (r,) array
        Its singular values, r being the least width; zeros included.
    rank_ : int
        Number of positive ones.
    objective_ : float
        The minimum.
    is_unique_ : bool
        Whether `end_to_end_` is the only minimiser. False where a singular value of M is
        within 1e-8, relative, of the threshold from depth 3 on, or a bottleneck must
        choose between equal ones.
    threshold_gap_ : float
        Least relative distance of a singular value that a width could keep from the
        threshold; infinite for depth 1.
    layer_frobenius_norm_ : float
        Frobenius norm of every layer, ``(sum_j s_j^(2/L))^(1/2)``.

    References
    ----------
    .. [1] Kamber and Parhi, arXiv:2603.27072.

    Examples
    --------
    >>> model = RegularizedMatrixFactorization(3, 0.5).fit(np.diag([8.25, 1.5]))
    >>> model.singular_values_, model.rank_, round(model.objective_, 10)
    (array([8., 1.]), 2, 7.8125)
    >>> round(model.sharpness(), 10), round(model.hessian_trace(), 10)
    (95.0, 198.0)
    """

    def __init__(
        self,
        depth: int,
        weight_decay: float,
        widths: Sequence[int] | None = None,
        *,
        loss_scale: float = 1.0,
    ) -> None:
        self.depth = checks.depth(depth)
        self.weight_decay = check_scalar(
            "weight_decay", weight_decay, low=0.0, strict=True
        )
        self.widths = widths
        self.loss_scale = checks.loss_scale(loss_scale)

    def fit(self, M: Any) -> "RegularizedMatrixFactorization":
        """Find the minimiser.

        Parameters
        ----------
        M : (d_L, d_0) array
            What to factorise.

        Returns
        -------
        self

        Warns
        -----
        UserWarning
            If the minimiser is not unique; the attributes describe one of them.
        """
        M = checks.matrix("M", M)
        self._widths = checks.widths(self.widths, self.depth, M.shape)
        U, sigma, Vt = np.linalg.svd(M, full_matrices=False)
        r = min(self._widths)
        s = schatten_shrinkage(
            sigma[:r], self.weight_decay, self.depth, self.loss_scale
        )
        k = int(np.count_nonzero(s))
        self._U, self._Vt, self._sigma = U[:, :k], Vt[:k], sigma
        self.singular_values_, self.rank_ = s, k
        self.end_to_end_ = (self._U * s[:k]) @ self._Vt
        squares = float(np.sum(s[:k] ** (2.0 / self.depth)))
        self.layer_frobenius_norm_ = math.sqrt(squares)
        missed = float(np.sum((s - sigma[:r]) ** 2) + np.sum(sigma[r:] ** 2))
        self.objective_ = (
            self.loss_scale * missed + self.weight_decay * self.depth * squares
        )
        self._judge(sigma, r)
        return self

    def _judge(self, sigma: Array, r: int) -> None:
        """Set the flag of uniqueness, and warn where it is false."""
        crit = critical_singular_value(self.weight_decay, self.depth, self.loss_scale)
        self.threshold_gap_ = (
            float(np.min(np.abs(sigma[:r] / crit - 1.0))) if crit > 0.0 else math.inf
        )
        self.is_unique_ = True
        if self.depth > 2 and self.threshold_gap_ <= TIE:
            self._ambiguous(
                f"a singular value of M is within {TIE:g} of the threshold {crit:.10g}: "
                "zero and the value behind the jump are both optimal"
            )
        narrow = self.rank_ == r < len(sigma)
        if narrow and sigma[r - 1] - sigma[r] <= TIE * sigma[r - 1]:
            self._ambiguous(
                f"singular values {r} and {r + 1} of M are equal, {sigma[r]:.10g}, and "
                "the narrowest layer has room for one of them"
            )

    def _ambiguous(self, why: str) -> None:
        self.is_unique_ = False
        warnings.warn(
            f"the minimiser is not unique: {why}; what is returned is one of them",
            UserWarning,
            stacklevel=4,
        )

    def _fitted(self) -> blocks.Minimiser:
        if not hasattr(self, "end_to_end_"):
            raise AttributeError("call fit(M) first: nothing has been factorised yet")
        return blocks.Minimiser(
            self.singular_values_[: self.rank_],
            self._sigma,
            tuple(self._widths),
            self.weight_decay / self.loss_scale,
        )

    def sample_factors(self, random_state: Any = None) -> list[Array]:
        """Return layers of a minimiser, uniform over all rotations of hidden layers.

        Parameters
        ----------
        random_state : None, int or Generator
            Source of the rotations.

        Returns
        -------
        list of arrays
            First layer first, balanced: ``W_(i+1)^T W_(i+1) = W_i W_i^T``.

        Raises
        ------
        AttributeError
            Before `fit`.
        """
        s = self._fitted().s
        return place_factors(self._U, s, self._Vt, self._widths, random_state)

    def hessian_spectrum(self) -> HessianSpectrum:
        """Return all eigenvalues of the Hessian, the same at every minimiser.

        Raises
        ------
        AttributeError
            Before `fit`.

        Examples
        --------
        >>> model = RegularizedMatrixFactorization(3, 1.0).fit([[8.5]])
        >>> model.hessian_spectrum().to_array().round(10)
        array([94.,  4.,  4.])
        """
        values, counts = blocks.eigenvalues(self._fitted())
        return HessianSpectrum.collect(self.loss_scale * values, counts)

    def hessian_trace(self) -> float:
        """Return the trace of the Hessian, from the singular values alone.

        Raises
        ------
        AttributeError
            Before `fit`.
        """
        return self.loss_scale * blocks.trace(self._fitted())

    def sharpness(self) -> float:
        """Return the largest eigenvalue of the Hessian, in O(rank L).

        Not always that of the first singular value with itself: where the first two are
        close, their pair is above it.

        Raises
        ------
        AttributeError
            Before `fit`.

        Examples
        --------
        >>> RegularizedMatrixFactorization(2, 0.5).fit(np.diag([2.0, 2.0])).sharpness()
        8.0
        """
        return self.loss_scale * blocks.largest(self._fitted())

    def max_stable_step_size(self) -> float:
        """Return ``2 / sharpness``, the largest step of gradient descent that stays.

        Raises
        ------
        AttributeError
            Before `fit`.
        """
        return 2.0 / self.sharpness()
