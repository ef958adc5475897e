"""One-way steps: what is seized today does not open what came before (4.4, F2, F8)."""

from private_presence.primitives.curve import Scalar, reduce_scalar, scalar
from private_presence.primitives.kdf import kdf, u32
from private_presence.primitives.secret import Secret

__all__ = [
    "base_factor",
    "next_rk",
    "next_st",
    "rk_of_generation",
    "st_root",
    "start_st",
    "step_rk",
    "step_st",
]


def next_rk(rk: bytes, epoch: int) -> Secret:
    """The ratchet secret of the epoch after `epoch`.

    Parameters
    ----------
    rk : bytes, 32
        Of `epoch`; delete it afterwards.
    epoch : int

    Returns
    -------
    Secret
        32 bytes.

    Examples
    --------
    Each epoch makes another step:

    >>> next_rk(bytes(32), 100) == step_rk(bytes(32), 100, 101)
    True
    >>> next_rk(bytes(32), 100) == next_rk(bytes(32), 101)
    False
    """
    return kdf("rk", rk, u32(epoch + 1))


def rk_of_generation(K: bytes, rk: bytes, epoch: int) -> Secret:
    """The ratchet secret after a transition record: only its openers have K.

    Parameters
    ----------
    K : bytes, 576
        Key of the transition header.
    rk : bytes, 32
        Of `epoch`.
    epoch : int
        Of the transition record.

    Returns
    -------
    Secret
        The secret of epoch + 1.

    Examples
    --------
    Who followed the ratchet without K does not come to the same secret:

    >>> rk_of_generation(bytes(576), bytes(32), 100) == next_rk(bytes(32), 100)
    False
    """
    return kdf("rk-new", K + rk, u32(epoch + 1))


def step_rk(rk: bytes, epoch: int, target: int) -> Secret:
    """Hash forward inside a generation.

    Parameters
    ----------
    rk : bytes, 32
        Of `epoch`.
    epoch, target : int
        ``target >= epoch``; the caller bounds the difference.

    Returns
    -------
    Secret
        The secret of `target`.

    Examples
    --------
    >>> one = next_rk(bytes(32), 100)
    >>> step_rk(bytes(32), 100, 102) == next_rk(one, 101)
    True
    """
    for at in range(epoch, target):
        rk = next_rk(rk, at)
    return Secret(rk)


def base_factor(K: bytes, rk: bytes, dep_id: bytes, epoch: int) -> Scalar:
    """The refresh s of the base at a change of generation (F2).

    Parameters
    ----------
    K : bytes, 576
    rk : bytes, 32
    dep_id : bytes, 16
    epoch : int
        Of the transition record.

    Returns
    -------
    Scalar
        Nonzero.

    Examples
    --------
    Who has another K gets another base:

    >>> one = base_factor(bytes(576), bytes(32), bytes(16), 100)
    >>> other = base_factor(bytes(575) + b"K", bytes(32), bytes(16), 100)
    >>> one == other, one.is_zero()
    (False, False)
    """
    s = reduce_scalar(kdf("base", K + rk, dep_id + u32(epoch), 48))
    return scalar(1) if s.is_zero() else s


def st_root(K: bytes, rk: bytes, dep_id: bytes, epoch: int) -> Secret:
    """The root of the short-term chain that an LT record carries.

    Parameters
    ----------
    K : bytes, 576
    rk : bytes, 32
    dep_id : bytes, 16
    epoch : int
        Of the LT record.

    Returns
    -------
    Secret
        32 bytes; delete it once the chain has started.

    Examples
    --------
    The root, like the record, is of one deployment and epoch:

    >>> named = [(bytes(16), 100), (bytes(16), 101), (b"x" * 16, 100)]
    >>> len({st_root(bytes(576), bytes(32), *about) for about in named})
    3
    """
    return kdf("st-prk", K + rk, dep_id + u32(epoch))


def start_st(root: bytes, t: int) -> Secret:
    """The chain key of the first ST epoch `t` of an LT epoch (F8).

    Parameters
    ----------
    root : bytes, 32
    t : int

    Returns
    -------
    Secret
        32 bytes.

    Examples
    --------
    From another ST epoch on another chain starts:

    >>> ck = start_st(bytes(32), 28_800)
    >>> ck, ck == start_st(bytes(32), 28_801)
    (<Secret of 32 bytes>, False)
    """
    return kdf("st-ck", root, u32(t))


def next_st(ck: bytes, t: int) -> Secret:
    """The chain key of the ST epoch after `t`.

    Parameters
    ----------
    ck : bytes, 32
        Of `t`; delete it afterwards.
    t : int

    Returns
    -------
    Secret
        32 bytes.

    Examples
    --------
    >>> ck = start_st(bytes(32), 28_800)
    >>> next_st(ck, 28_800) == step_st(ck, 28_800, 28_801)
    True
    >>> next_st(ck, 28_800) == ck
    False
    """
    return kdf("st-ck", ck, u32(t + 1))


def step_st(ck: bytes, t: int, target: int) -> Secret:
    """Hash a chain key forward; the chain goes on while keys are sticky.

    Parameters
    ----------
    ck : bytes, 32
        Of ST epoch `t`.
    t, target : int
        ``target >= t``; the caller bounds the difference.

    Returns
    -------
    Secret
        The chain key of `target`.

    Examples
    --------
    A friend who was away for two ST epochs catches up:

    >>> ck = start_st(bytes(32), 28_800)
    >>> step_st(ck, 28_800, 28_802) == next_st(next_st(ck, 28_800), 28_801)
    True
    """
    for at in range(t, target):
        ck = next_st(ck, at)
    return Secret(ck)
