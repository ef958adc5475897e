"""A member's side: check a key, open a header, follow a change of generation."""

from collections.abc import Sequence
from dataclasses import replace

from private_presence.errors import VerificationError
from private_presence.primitives.curve import (
    G1Point,
    G2Point,
    Scalar,
    invert,
    pairing_product,
    product,
    sum_g2,
)
from private_presence.primitives.header import Header, Slot
from private_presence.primitives.kdf import digest
from private_presence.primitives.manager_key import MemberKey
from private_presence.primitives.secret import Secret, equal

__all__ = ["absorb_member", "aggregate", "check_key", "decapsulate"]


def check_key(key: MemberKey, W: G1Point, H: G2Point, h_v: bytes) -> None:
    """Check a key on receipt: ``e(A, H) e(W, B)`` must hash to hV (F1).

    Delete W and H afterwards: they are of no further use to a member.

    Parameters
    ----------
    key : MemberKey
    W : G1Point
        ``gamma G``.
    H : G2Point
        The current base.
    h_v : bytes, 32
        From `verification_hash`.

    Raises
    ------
    VerificationError
        If the equation fails: ask for another invitation.

    Examples
    --------
    A key of one generation does not pass for the next:

    >>> from private_presence.primitives import manager_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> group = manager_key.setup(SystemRandomness())
    >>> key = manager_key.join(group, Scalar(2))
    >>> check_key(key, group.W, group.H, manager_key.verification_hash(group))
    >>> later = manager_key.absorb(group, [], Scalar(7))
    >>> check_key(key, later.W, later.H, manager_key.verification_hash(later))
    Traceback (most recent call last):
    private_presence.errors.VerificationError: the key of an invitation does not fit ...
    """
    v = pairing_product([(key.A, H), (W, key.B)])
    if v.is_one() or not equal(digest("V", v.to_bytes()), h_v):
        raise VerificationError(
            "the key of an invitation does not fit its group: ask for a new invitation"
        )


def aggregate(key: MemberKey, slots: Sequence[Slot]) -> G2Point:
    """The member's B under the base without the excluded set (3.4, route 1).

    ``B_S = sum_{i in T} c_i B_i`` with T the slots and the member, and
    ``c_i = prod_{l in T, l != i} 1 / (x_l - x_i)``: partial fractions of
    ``1 / prod (gamma + x_i)``, one multi-scalar multiplication.

    Parameters
    ----------
    key : MemberKey
    slots : sequence of Slot
        In any order.

    Returns
    -------
    G2Point
        ``H / ((gamma + x_j) prod_S (gamma + x_i))``.

    Raises `ExcludedError` if the member's own x is in a slot.

    Examples
    --------
    With gamma = 1, for the member of x = 3 without that of x = 2:

    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR
    >>> from private_presence.primitives.manager_key import ManagerKey, join
    >>> group = ManagerKey(G1_GENERATOR, Scalar(1), G2_GENERATOR)
    >>> slot = Slot(Scalar(2), join(group, Scalar(2)).B)
    >>> aggregate(join(group, Scalar(3)), [slot]) * Scalar((1 + 3) * (1 + 2)) == group.H
    True
    >>> aggregate(join(group, Scalar(2)), [slot])
    Traceback (most recent call last):
    private_presence.errors.ExcludedError: zero has no inverse: ...
    """
    xs = [slot.x for slot in slots] + [key.x]
    points = [slot.B for slot in slots] + [key.B]
    return sum_g2(points, [_coefficient(xs, i) for i in range(len(xs))])


def _coefficient(xs: Sequence[Scalar], i: int) -> Scalar:
    return invert(product([x - xs[i] for l, x in enumerate(xs) if l != i]))


def decapsulate(key: MemberKey, header: Header) -> tuple[Secret, G2Point]:
    """Open a header (3.4): ``K = e(C1, B_S) e(A, C2)``, one product of two pairings.

    Parameters
    ----------
    key : MemberKey
    header : Header
        From `decode_header`, which checks its points.

    Returns
    -------
    K : Secret
        576 bytes.
    B_S : G2Point
        What `absorb_member` needs if the record starts a generation.

    Raises `ExcludedError` if the header excludes this key.

    Examples
    --------
    >>> from private_presence.primitives.manager_key import encapsulate, join, setup
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> group = setup(SystemRandomness())
    >>> header, K = encapsulate(group, [Scalar(3)], SystemRandomness())
    >>> decapsulate(join(group, Scalar(2)), header)[0] == K
    True
    >>> decapsulate(join(group, Scalar(3)), header)
    Traceback (most recent call last):
    private_presence.errors.ExcludedError: zero has no inverse: ...
    """
    b_s = aggregate(key, header.slots)
    gt = pairing_product([(header.C1, b_s), (key.A, header.C2)])
    return gt.to_bytes(), b_s


def absorb_member(key: MemberKey, b_s: G2Point, s: Scalar) -> MemberKey:
    """Follow a change of generation: ``B := s B_S`` (3.5, F2); x and A stay.

    Parameters
    ----------
    key : MemberKey
    b_s : G2Point
        From `decapsulate` of the transition record.
    s : Scalar
        The refresh, from the same record.

    Returns
    -------
    MemberKey
        Under the new base.

    Examples
    --------
    The member gets the key that the manager would issue under the new base:

    >>> from private_presence.primitives import manager_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> group = manager_key.setup(SystemRandomness())
    >>> header, _ = manager_key.encapsulate(group, [Scalar(3)], SystemRandomness())
    >>> key, s = manager_key.join(group, Scalar(2)), Scalar(7)
    >>> _, b_s = decapsulate(key, header)
    >>> later = manager_key.absorb(group, [Scalar(3)], s)
    >>> absorb_member(key, b_s, s) == manager_key.join(later, Scalar(2))
    True
    """
    return replace(key, B=b_s * s)
