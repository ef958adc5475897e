"""Polynomials in several variables over the monomials, graded: the skip connections."""

import math
from functools import lru_cache
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@lru_cache(maxsize=64)
def exponents(d: int, degree: int) -> NDArray[np.intp]:
    """Exponents of the monomials of degree 1 to `degree` in d variables, graded.

    The first d are the variables themselves; the constant is not among them.
    """
    rows = [
        np.bincount(chosen, minlength=d)
        for total in range(1, degree + 1)
        for chosen in combinations_with_replacement(range(d), total)
    ]
    table = np.array(rows, dtype=np.intp).reshape(len(rows), d)
    table.flags.writeable = False
    return table


def design(X: Array, degree: int) -> Array:  # (N, d) -> (N, P)
    if degree == 1:
        return X
    powers = exponents(X.shape[1], degree)
    columns = [np.prod(X**power, axis=1) for power in powers]
    return np.stack(columns, axis=1) if columns else np.empty((len(X), 0))


def design_gradient(X: Array, degree: int) -> Array:  # (N, d) -> (N, P, d)
    n, d = X.shape
    powers = exponents(d, degree)
    result = np.zeros((n, len(powers), d))
    for row, power in enumerate(powers):
        for j in np.flatnonzero(power):
            lower = power.copy()
            lower[j] -= 1
            result[:, row, j] = power[j] * np.prod(X**lower, axis=1)
    return result


def ridge_power(U: Array, t: Array, weight: Array, p: int) -> tuple[Array, Array]:
    """Coefficients of ``sum_k weight[k] (U[k] . x - t[k])^p``, (P, D) and (D,).

    Multinomial theorem: x^beta of degree j has C(p, j) (-t)^(p-j) j!/beta! u^beta.
    """
    table = exponents(U.shape[1], p)
    rows = np.zeros((len(table), weight.shape[1]))
    for row, beta in enumerate(table):
        j = int(beta.sum())
        ways = math.comb(p, j) * math.factorial(j)
        ways //= math.prod(math.factorial(int(b)) for b in beta)
        factor = ways * (-t) ** (p - j) * np.prod(U**beta, axis=1)
        rows[row] = factor @ weight
    return rows, (-t) ** p @ weight


def substitute(
    skip: Array, d: int, degree: int, center: Array, scale: Array
) -> tuple[Array, Array]:
    """Coefficients in x of the polynomial in ``(x - center) / scale``, and a constant."""
    table = exponents(d, degree)
    place = {tuple(int(b) for b in beta): row for row, beta in enumerate(table)}
    rows, constant = np.zeros_like(skip), np.zeros(skip.shape[1])
    for alpha, coefficient in zip(table, skip, strict=True):
        # One binomial for each variable.
        for beta in product(*(range(int(a) + 1) for a in alpha)):
            factor = math.prod(
                math.comb(int(a), b) for a, b in zip(alpha, beta, strict=True)
            )
            factor *= float(np.prod((-center) ** (alpha - beta) / scale**alpha))
            if any(beta):
                rows[place[beta]] += factor * coefficient
            else:
                constant = constant + factor * coefficient
    return rows, constant
