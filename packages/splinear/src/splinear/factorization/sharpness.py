"""The largest eigenvalue of the Hessian, by the shortest route that is right there."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from splinear.factorization import _bracket as bracket
from splinear.factorization import _derivatives as derivatives
from splinear.factorization._chain import Chain, join, top_pair, unit
from splinear.factorization._gram import Gram, fourth_moment, gram, joint_spectrum

Array = NDArray[np.float64]
Method = Literal["auto", "closed_form", "gram", "hvp_lanczos", "dense"]

#: The residual counts as zero where its term is at most this part of the other's bound.
ZERO = 1e-10
#: Rounding of a product, relative to that of the norms of its factors.
FITS = 1e-13
#: A bracket this narrow, relative to the value, proves it.
PROVEN = 1e-8
#: Up to here a full eigendecomposition is cheaper than the doubt of an iteration.
SMALL_GRAM, SMALL_HESSIAN = 256, 400
#: ARPACK needs room for a Krylov space.
TINY = 3
#: Part of a random direction in the start of Lanczos: no eigenvector is orthogonal to it.
NOISE = 1e-2
#: Rounds of the lower bound that give Lanczos its start.
START = 1
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class SharpnessResult:
    """The largest eigenvalue of the Hessian, and what is known about it.

    Attributes
    ----------
    value : float
        In units of the loss over squared parameters.
    method : {"closed_form", "gram", "hvp_lanczos", "dense"}
        Route that was taken: a formula; J J^T of size d_L d_0; Lanczos on
        Hessian-vector products; the Hessian as a matrix.
    exact : bool
        Whether `value` is proven to be the largest eigenvalue, up to rounding: by a
        formula, a full eigendecomposition or a bracket narrower than 1e-8. Lanczos
        alone proves an eigenvalue, not that none is larger.
    eigen_residual : float
        Some eigenvalue lies within this of `value`.
    loss_residual : float
        Frobenius norm of the residual, as far as parameters can change it.
    lower_bound, upper_bound : float
        They bracket the largest eigenvalue, for certain up to rounding.
    eigenvector : tuple of arrays
        Unit vector of parameters, one array for each layer.
    """

    value: float
    method: str
    exact: bool
    eigen_residual: float
    loss_residual: float
    lower_bound: float
    upper_bound: float
    eigenvector: tuple[Array, ...]


class _Pair(NamedTuple):
    """An eigenpair of the fit term, weight decay left out, with bounds."""

    value: float
    vector: list[Array]
    residual: float
    low: float
    high: float
    method: str


def find_sharpness(chain: Chain, method: Method, tol: float) -> SharpnessResult:
    """Return the largest eigenvalue by `method`.

    Parameters
    ----------
    chain : Chain
        The problem at a point.
    method : {"auto", "closed_form", "gram", "hvp_lanczos", "dense"}
        "auto" takes the first of a formula, J J^T and the Hessian that is right.
    tol : float, > 0
        Relative residual at which Lanczos stops.

    Raises
    ------
    ValueError
        If `method` is unknown, or wrong at a point of this residual.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {get_args(Method)}; got {method!r}")
    pair = None
    if method in ("auto", "closed_form", "gram"):
        pair = _by_formula(chain, method, tol)
    if pair is None:
        dense = method == "dense" or (
            method == "auto" and chain.n_parameters <= SMALL_HESSIAN
        )
        pair = _dense(chain) if dense else _lanczos(chain, tol)
    return _result(chain, pair)


def _result(chain: Chain, pair: _Pair) -> SharpnessResult:
    # Weight decay moves every eigenvalue alike.
    shift = 2.0 * chain.lam
    rounding = EPS * max(*chain.Y.shape, chain.n_parameters**0.5)
    slack = rounding * max(abs(pair.low), abs(pair.high), shift)
    low, high = pair.low - slack, pair.high + slack
    return SharpnessResult(
        value=pair.value + shift,
        method=pair.method,
        exact=high - low <= PROVEN * max(abs(pair.value), shift),
        eigen_residual=pair.residual,
        loss_residual=float(np.linalg.norm(chain.E)),
        lower_bound=low + shift,
        upper_bound=high + shift,
        eigenvector=tuple(pair.vector),
    )


def zero_residual(chain: Chain) -> bool:
    """Whether the Hessian of the fit is that of its linearisation, up to rounding."""
    term = bracket.residual_term(chain)
    return term <= ZERO * 2.0 * chain.c * bracket.gram_upper(chain)


def fits(chain: Chain) -> bool:
    """Whether the product is the target, up to rounding.

    Not the same as `zero_residual`: at depth 1, or at layers of zeros, no residual
    bends the loss.
    """
    rounding = FITS * prod(chain.W_norms) * chain.R_norms[0]
    size = float(np.linalg.norm(chain.Y))
    return bool(np.linalg.norm(chain.E) <= ZERO * size + rounding)


def bottleneck_optimum(chain: Chain) -> bool:
    """Whether a point of depth 2 is the best of its width without fitting the target.

    There the formula of depth 2 still holds (derived in the theory page).
    """
    if len(chain.W) != 2 or chain.X is not None or chain.lam > 0.0:
        return False
    s = np.linalg.svd(chain.Y, compute_uv=False)
    least = float(np.sum(s[len(chain.W[0]) :] ** 2))
    size = float(np.sum(s**2))
    near = float(np.sum(chain.E**2)) - least <= ZERO * size
    slope = np.linalg.norm(join(derivatives.gradient(chain)))
    scale = 2.0 * chain.c * sum(chain.W_norms) * np.sqrt(size)
    return bool(near and slope <= ZERO * scale)


def require(holds: bool, chain: Chain, what: str, instead: str) -> None:
    """Refuse what holds only where the residual is zero.

    Raises
    ------
    ValueError
        If it is not zero; the message says how large it is.
    """
    if not holds:
        raise ValueError(
            f"{what} holds where the layers fit the target; here the residual has norm "
            f"{np.linalg.norm(chain.E):.6g}, the target {np.linalg.norm(chain.Y):.6g}: "
            f"{instead}"
        )


def _by_formula(chain: Chain, method: Method, tol: float) -> _Pair | None:
    """Return the pair of J J^T, or None where "auto" must take the Hessian.

    Raises
    ------
    ValueError
        If `method` demands a formula that does not hold here.
    """
    fitted = zero_residual(chain)
    if not fitted and bottleneck_optimum(chain):
        return _depth_two(chain, 0.0)
    if not fitted and method == "auto":
        return None
    require(
        fitted,
        chain,
        f"method {method!r}",
        "take method='auto', which is right anywhere",
    )
    rest = bracket.residual_term(chain)
    if method != "gram" and bracket.gram_upper(chain) == 0.0:  # no curvature at all
        flat = chain.split(unit(chain.n_parameters))
        return _Pair(0.0, flat, 0.0, -rest, rest, "closed_form")
    if method != "gram" and len(chain.W) == 2 and chain.X is None:
        return _depth_two(chain, rest)
    operator = gram(chain)
    if method != "gram":
        pair = _closed_form(chain, operator, rest)
        if pair is not None:
            return pair
        if method == "closed_form":
            raise ValueError(
                "these layers have no closed form: it needs depth at most 2, a vector "
                "as input or output, or aligned layers; take method='gram'"
            )
    if operator.size <= SMALL_GRAM:
        return _gram_dense(chain, operator, rest, "gram")
    return _gram_lanczos(chain, operator, rest, tol)


def _closed_form(chain: Chain, operator: Gram, rest: float) -> _Pair | None:
    if min(operator.shape) == 1:
        return _gram_dense(chain, operator, rest, "closed_form")
    joint = joint_spectrum(operator)
    if joint is None:
        return None
    mu, X = joint.top()
    pair = _gram_pair(chain, operator, mu, X, rest, "closed_form")
    spread = 2.0 * chain.c * joint.error
    return pair._replace(low=pair.low - spread, high=pair.high + spread)


def _depth_two(chain: Chain, rest: float) -> _Pair:
    """Return 2 c (|W_1|^2 + |W_2|^2), whose eigenmatrix is u v^T.

    Everything from vectors: matrix products would cost as much as the two norms.
    """
    (W1, W2), ((s1, _, v), (s2, u, _)) = chain.W, chain.ends
    mu, scale = s1**2 + s2**2, 2.0 * chain.c
    a, b = W2.T @ u, W1 @ v  # J^* (u v^T) = (a v^T, u b^T)
    wrong = np.outer(W2 @ a - s2**2 * u, v) + np.outer(u, W1.T @ b - s1**2 * v)
    U = [np.outer(a, v) / np.sqrt(mu), np.outer(u, b) / np.sqrt(mu)]
    residual = scale * float(np.linalg.norm(wrong)) + rest
    value = scale * mu
    return _Pair(value, U, residual, value - rest, value + rest, "closed_form")


def _gram_dense(chain: Chain, operator: Gram, rest: float, method: str) -> _Pair:
    last = operator.size - 1
    values, vectors = eigh(operator.dense(), subset_by_index=[last, last])
    X = vectors[:, 0].reshape(operator.shape)
    return _gram_pair(chain, operator, float(values[0]), X, rest, method)


def _gram_lanczos(chain: Chain, operator: Gram, rest: float, tol: float) -> _Pair:
    v = top_pair(chain.R[-1])[2]
    least, u, v = bracket.gram_lower(operator, v, rounds=START)
    mu, x = _largest(operator.operator(), np.outer(u, v).ravel(), tol)
    pair = _gram_pair(chain, operator, mu, x.reshape(operator.shape), rest, "gram")
    high = min(
        bracket.gram_upper(chain),
        bracket.one_sided_upper(operator, chain),
        bracket.moment_upper(
            mu, pair.residual / (2.0 * chain.c), fourth_moment(operator)
        ),
    )
    scale = 2.0 * chain.c
    return pair._replace(low=scale * max(mu, least) - rest, high=scale * high + rest)


def _gram_pair(
    chain: Chain, operator: Gram, mu: float, X: Array, rest: float, method: str
) -> _Pair:
    """Return the pair of the Hessian that belongs to one of J J^T."""
    scale = 2.0 * chain.c
    residual = scale * float(np.linalg.norm(operator(X) - mu * X)) + rest
    pairs = zip(chain.S, chain.R, strict=False)
    U = [S.T @ X @ R.T for S, R in pairs]  # J^* X; a unit vector after division
    size = float(np.linalg.norm(join(U))) or 1.0
    value = scale * mu
    return _Pair(
        value, [V / size for V in U], residual, value - rest, value + rest, method
    )


def _dense(chain: Chain) -> _Pair:
    H = derivatives.dense_hessian(replace(chain, lam=0.0))
    last = len(H) - 1
    values, vectors = eigh(H, subset_by_index=[last, last])
    value = float(values[0])
    return _pair(chain, value, vectors[:, 0], "dense")._replace(low=value, high=value)


def _lanczos(chain: Chain, tol: float) -> _Pair:
    def product(x: Array) -> Array:
        return join(derivatives.fit_hessian_product(chain, chain.split(x)))

    P, rest = chain.n_parameters, bracket.residual_term(chain)
    high = 2.0 * chain.c * bracket.gram_upper(chain) + rest
    if P <= TINY:
        return _dense(chain)
    if high == 0.0:
        return _Pair(0.0, chain.split(unit(P)), 0.0, 0.0, 0.0, "hvp_lanczos")
    operator = LinearOperator((P, P), matvec=product, dtype=np.float64)
    _, u, v = bracket.gram_lower(gram(chain), top_pair(chain.R[-1])[2], rounds=START)
    X = np.outer(u, v)
    start = join([S.T @ X @ R.T for S, R in zip(chain.S, chain.R, strict=False)])
    value, x = _largest(operator, start, tol)
    return _pair(chain, value, x, "hvp_lanczos")._replace(low=value, high=high)


def _pair(chain: Chain, value: float, x: Array, method: str) -> _Pair:
    x = x / np.linalg.norm(x)
    U = chain.split(x)
    rest = join(derivatives.fit_hessian_product(chain, U)) - value * x
    return _Pair(value, U, float(np.linalg.norm(rest)), value, value, method)


def _largest(operator: Any, start: Array, tol: float) -> tuple[float, Array]:
    """Return the largest eigenvalue by Lanczos, and its vector.

    Raises
    ------
    ArithmeticError
        If it does not settle.
    """
    noise = np.random.default_rng(0).standard_normal(start.size)
    size = float(np.linalg.norm(start)) or 1.0
    v0 = start / size + NOISE * noise / np.linalg.norm(noise)
    try:
        values, vectors = eigsh(operator, k=1, which="LA", v0=v0, tol=tol)
    except ArpackError as error:
        raise ArithmeticError(
            f"Lanczos did not reach the relative residual {tol:g} ({error}): raise tol, "
            "or take method='dense' if the layers are small"
        ) from error
    return float(values[0]), vectors[:, 0]
