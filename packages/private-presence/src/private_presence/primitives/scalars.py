"""The integers modulo the order r of BLS12-381, never reduced in silence."""

from collections.abc import Sequence

from py_arkworks_bls12381 import Scalar

from private_presence.errors import ExcludedError, InputError, PointError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_length
from private_presence.primitives.secret import Secret

__all__ = [
    "ORDER",
    "SCALAR_SIZE",
    "Scalar",
    "decode_scalar",
    "encode_scalar",
    "invert",
    "product",
    "random_scalar",
    "reduce_scalar",
    "scalar",
]

ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
SCALAR_SIZE = 32


def scalar(number: int) -> Scalar:
    """Make a scalar from a number that needs no reduction.

    Parameters
    ----------
    number : int, 0 to ORDER - 1

    Returns
    -------
    Scalar
        The same number.

    Raises
    ------
    InputError
        If it is outside: reducing would make r and 0 the same key.

    Examples
    --------
    >>> int(scalar(7) * scalar(6))
    42
    """
    if not 0 <= number < ORDER:
        raise InputError("expected a scalar from 0 to r - 1; got one outside")
    return Scalar(number)


def reduce_scalar(wide: bytes) -> Scalar:
    r"""Reduce a long hash, big-endian, to a nearly uniform scalar.

    Parameters
    ----------
    wide : bytes, at least 48
        With 48 bytes the distance from uniform is below 2^-128.

    Returns
    -------
    Scalar
        May be zero, with probability 1/r.

    Raises
    ------
    InputError
        If there are fewer than 48 bytes.

    Examples
    --------
    >>> int(reduce_scalar(bytes(47) + b"\x05"))
    5
    """
    if len(wide) < 48:
        raise InputError(f"expected at least 48 bytes to reduce; got {len(wide)}")
    return Scalar(int.from_bytes(wide, "big") % ORDER)


def random_scalar(rng: Randomness) -> Scalar:
    """Draw a scalar from 1 to ORDER - 1.

    Parameters
    ----------
    rng : Randomness
        The source.

    Returns
    -------
    Scalar
        Never zero.

    Examples
    --------
    With a source that gives 0, which is drawn again, and then 5:

    >>> from types import SimpleNamespace
    >>> drawn = iter([0, 5])
    >>> rng = SimpleNamespace(draw=lambda n: next(drawn).to_bytes(n, "big"))
    >>> int(random_scalar(rng))
    5
    """
    while True:
        result = reduce_scalar(rng.draw(64))
        if not result.is_zero():
            return result


def invert(value: Scalar) -> Scalar:
    """Invert a scalar.

    Parameters
    ----------
    value : Scalar
        Nonzero.

    Returns
    -------
    Scalar
        ``1 / value``.

    Raises
    ------
    ExcludedError
        If it is zero: a difference of two x vanishes exactly for an excluded key.

    Examples
    --------
    >>> int(invert(scalar(2)) * scalar(2))
    1
    """
    if value.is_zero():
        raise ExcludedError("zero has no inverse: the key is in the excluded set")
    return value.inverse()


def product(scalars: Sequence[Scalar]) -> Scalar:
    """Multiply scalars.

    Parameters
    ----------
    scalars : sequence of Scalar
        May be empty.

    Returns
    -------
    Scalar
        One for none.

    Examples
    --------
    >>> int(product([scalar(2), scalar(3)])), int(product([]))
    (6, 1)
    """
    result = Scalar(1)
    for factor in scalars:
        result = result * factor
    return result


def encode_scalar(value: Scalar) -> Secret:
    """Write a scalar as 32 bytes, most significant first.

    Parameters
    ----------
    value : Scalar

    Returns
    -------
    Secret
        32 bytes.

    Examples
    --------
    >>> bytes(encode_scalar(scalar(1)))[-1]
    1
    """
    return Secret(bytes(value.to_be_bytes()))


def decode_scalar(data: bytes) -> Scalar:
    """Read a canonical scalar that is not zero.

    Parameters
    ----------
    data : bytes, 32
        Most significant first.

    Returns
    -------
    Scalar
        From 1 to ORDER - 1.

    Raises
    ------
    PointError
        If the number is zero or at least ORDER.

    Examples
    --------
    >>> decode_scalar(bytes(32))
    Traceback (most recent call last):
    private_presence.errors.PointError: expected a scalar from 1 to r - 1; got ...
    """
    number = int.from_bytes(check_length(data, SCALAR_SIZE, "a scalar"), "big")
    if not 0 < number < ORDER:
        raise PointError(
            "expected a scalar from 1 to r - 1; got one outside: refuse it"
        )
    return Scalar(number)
