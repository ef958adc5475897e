"""The field of 256 elements with modulus x^8 + x^4 + x^3 + x + 1, as tables."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import QueryError

MODULUS = 0x11B


def _times(a: int, b: int) -> int:
    """Multiply as polynomials, reducing at each step."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (MODULUS if a & 0x80 else 0)
        b >>= 1
    return product


def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return all products and all inverses, from the powers of the generator 3."""
    power, x = [], 1
    for _ in range(255):
        power.append(x)
        x = _times(x, 3)
    log = np.zeros(256, np.int64)
    log[power] = np.arange(255)
    powers = np.array(power, np.uint8)
    product = powers[(log[:, None] + log[None, :]) % 255]
    product[0], product[:, 0] = 0, 0
    inverse = powers[-log % 255]
    inverse[0] = 0
    return product, inverse


PRODUCT, INVERSE = _tables()  # (256, 256) and (256,); INVERSE[0] is 0, never used
PRODUCT.flags.writeable = INVERSE.flags.writeable = False


def scale(factor: int, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Multiply every byte of an array by one field element.

    Parameters
    ----------
    factor : int, 0 to 255
    values : array of uint8

    Returns
    -------
    array of uint8

    Examples
    --------
    >>> int(scale(0x57, np.array(0x83, np.uint8)))  # FIPS 197, section 4.2: {c1}
    193
    """
    return PRODUCT[factor][values]


def lagrange_weights(nodes: Sequence[int], at: int) -> list[int]:
    """Return the weights that interpolate a polynomial's value from its values at nodes.

    Parameters
    ----------
    nodes : sequence of int
        Distinct field elements.
    at : int
        Where the value is wanted.

    Returns
    -------
    list of int
        ``f(at)`` is the sum of weight times ``f(node)``, for degrees below their number.

    Raises
    ------
    QueryError
        If a node comes twice.

    Examples
    --------
    >>> lagrange_weights([1, 2], at=2)
    [0, 1]
    """
    if len(set(nodes)) < len(nodes):
        raise QueryError(f"nodes: expected distinct field elements; got {list(nodes)}")
    return [_weight(node, nodes, at) for node in nodes]


def _weight(node: int, nodes: Sequence[int], at: int) -> int:
    weight = 1
    for other in nodes:
        if other != node:
            ratio = PRODUCT[at ^ other, INVERSE[node ^ other]]
            weight = int(PRODUCT[weight, ratio])
    return weight


def interpolate(
    nodes: Sequence[int], values: NDArray[np.uint8], at: int
) -> NDArray[np.uint8]:
    """Return the value at a point of the polynomials through given values.

    Parameters
    ----------
    nodes : sequence of int, n of them
    values : (n, ...) array of uint8
    at : int

    Returns
    -------
    (...) array of uint8

    Examples
    --------
    >>> interpolate([1, 2], np.array([[5], [5]], np.uint8), at=0)  # a constant
    array([5], dtype=uint8)
    """
    total = np.zeros(values.shape[1:], np.uint8)
    for weight, value in zip(lagrange_weights(nodes, at), values, strict=True):
        total ^= scale(weight, value)
    return total
