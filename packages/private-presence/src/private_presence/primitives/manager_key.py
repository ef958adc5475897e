"""The manager's side of dynamic broadcast encryption.

Each user is the manager of her own group.  The scheme is the one with decryption keys
of constant size by Delerablée, Paillier and Pointcheval (Pairing 2007), in the form
that MP3 gives it.  Equations: `presence.md`, section 3, as amended by F1 and F2:

- G stays with the manager: ``K = e(G, C2)`` opens every header (F1);
- at a change of generation the base is scaled by a secret of that record (F2).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from private_presence.errors import InputError
from private_presence.primitives.curve import (
    G1_GENERATOR,
    G2_GENERATOR,
    G1Point,
    G2Point,
    Scalar,
    encode_scalar,
    invert,
    pairing_product,
    product,
    random_scalar,
)
from private_presence.primitives.header import Header, Slot
from private_presence.primitives.kdf import digest
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret

__all__ = [
    "ManagerKey",
    "MemberKey",
    "absorb",
    "encapsulate",
    "fresh_x",
    "join",
    "open_own",
    "setup",
    "verification_hash",
]


@dataclass(frozen=True)
class ManagerKey:
    """What only the manager has: G, gamma and the current base H.

    G must not leave this device in any form: with it every header opens (F1).

    Examples
    --------
    Nothing of it shows itself:

    >>> manager = ManagerKey(G1_GENERATOR, Scalar(5), G2_GENERATOR)
    >>> manager, manager.W == G1_GENERATOR * Scalar(5)
    (ManagerKey(), True)
    """

    G: G1Point = field(repr=False)
    gamma: Scalar = field(repr=False)
    H: G2Point = field(repr=False)

    @property
    def W(self) -> G1Point:
        """The point ``gamma G``, which members may see while they check their key."""
        return self.G * self.gamma


@dataclass(frozen=True)
class MemberKey:
    """A decryption key: ``A = x / (gamma + x) G`` and ``B = H / (gamma + x)``.

    Examples
    --------
    With gamma = 4, the key of x = 2 has a third of G and a sixth of H:

    >>> key = join(ManagerKey(G1_GENERATOR, Scalar(4), G2_GENERATOR), Scalar(2))
    >>> key.A * Scalar(3) == G1_GENERATOR, key.B * Scalar(6) == G2_GENERATOR
    (True, True)
    """

    x: Scalar = field(repr=False)
    A: G1Point = field(repr=False)
    B: G2Point = field(repr=False)


def setup(rng: Randomness) -> ManagerKey:
    """Make a group without members (3.1).

    Parameters
    ----------
    rng : Randomness

    Returns
    -------
    ManagerKey
        Fresh G, gamma and H.

    Examples
    --------
    No two groups are alike:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> one, other = setup(SystemRandomness()), setup(SystemRandomness())
    >>> verification_hash(one) == verification_hash(other)
    False
    """
    return ManagerKey(
        G1_GENERATOR * random_scalar(rng),
        random_scalar(rng),
        G2_GENERATOR * random_scalar(rng),
    )


def fresh_x(manager: ManagerKey, used: Collection[bytes], rng: Randomness) -> Scalar:
    """Draw an x that was never used in this group.

    Parameters
    ----------
    manager : ManagerKey
    used : collection of bytes
        The encoding of every x issued, excluded or virtual so far, absorbed ones
        included: an x that has been in an absorbed slot would give its holder a
        working key again (F2).
    rng : Randomness

    Returns
    -------
    Scalar
        Neither zero (``B = H / gamma`` opens every header) nor ``-gamma``.

    Examples
    --------
    With a source that gives 5, which is used already, and then 6:

    >>> from types import SimpleNamespace
    >>> drawn = iter([5, 6])
    >>> rng = SimpleNamespace(draw=lambda n: next(drawn).to_bytes(n, "big"))
    >>> manager = ManagerKey(G1_GENERATOR, Scalar(4), G2_GENERATOR)
    >>> int(fresh_x(manager, {encode_scalar(Scalar(5))}, rng))
    6
    """
    while True:
        x = random_scalar(rng)
        if encode_scalar(x) not in used and not (manager.gamma + x).is_zero():
            return x


def join(manager: ManagerKey, x: Scalar) -> MemberKey:
    """Issue a decryption key under the current base (3.2).

    Parameters
    ----------
    manager : ManagerKey
    x : Scalar
        From `fresh_x`.

    Returns
    -------
    MemberKey
        Nothing changes for the other members.

    Raises
    ------
    InputError
        If x is zero, or minus gamma.

    Examples
    --------
    The key opens what the manager sends; x = 0 is refused:

    >>> from private_presence.primitives.member_key import decapsulate
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> manager = setup(SystemRandomness())
    >>> header, K = encapsulate(manager, [], SystemRandomness())
    >>> decapsulate(join(manager, Scalar(2)), header)[0] == K
    True
    >>> join(manager, Scalar(0))
    Traceback (most recent call last):
    private_presence.errors.InputError: x must be neither zero nor -gamma; ...
    """
    if x.is_zero() or (manager.gamma + x).is_zero():
        raise InputError("x must be neither zero nor -gamma; draw it with fresh_x")
    inverse = invert(manager.gamma + x)
    return MemberKey(x, manager.G * (x * inverse), manager.H * inverse)


def encapsulate(
    manager: ManagerKey, excluded: Sequence[Scalar], rng: Randomness
) -> tuple[Header, Secret]:
    """Make a header that all members open but the excluded ones (3.3).

    Parameters
    ----------
    manager : ManagerKey
    excluded : sequence of Scalar
        The x of the set S, distinct, virtual members included.
    rng : Randomness
        k is drawn from it for every call.  One k in two headers with different S
        lets a member of one open the other.

    Returns
    -------
    header : Header
    K : Secret
        576 bytes, ``e(kG, P_S)`` with ``P_S = H / prod(gamma + x_i)``.

    Raises
    ------
    InputError
        If an x occurs twice.
    ExcludedError
        If an x is minus gamma, which `fresh_x` never draws.

    Examples
    --------
    A header for all but the key of x = 3:

    >>> from private_presence.primitives.member_key import decapsulate
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> manager = setup(SystemRandomness())
    >>> header, K = encapsulate(manager, [Scalar(3)], SystemRandomness())
    >>> decapsulate(join(manager, Scalar(2)), header)[0] == K
    True
    >>> decapsulate(join(manager, Scalar(3)), header)
    Traceback (most recent call last):
    private_presence.errors.ExcludedError: ...
    """
    if len({int(x) for x in excluded}) != len(excluded):
        raise InputError("an x occurs twice among the excluded; give each once")
    inverses = [invert(manager.gamma + x) for x in excluded]
    k = random_scalar(rng)
    k_over = k * product(inverses)
    slots = [Slot(x, manager.H * i) for x, i in zip(excluded, inverses, strict=True)]
    header = Header(manager.W * k, manager.H * k_over, tuple(slots))
    key = pairing_product([(manager.G * k_over, manager.H)])
    return header, key.to_bytes()


def open_own(manager: ManagerKey, header: Header) -> Secret:
    """Open a header of one's own group, without a member's key.

    A manager restored from a backup rolls forward with it (F6).  It is also the
    attack of F1, which is why G never leaves the manager.

    Parameters
    ----------
    manager : ManagerKey
        Only G enters.
    header : Header

    Returns
    -------
    Secret
        ``K = e(G, C2)``.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> manager = setup(SystemRandomness())
    >>> header, K = encapsulate(manager, [Scalar(3)], SystemRandomness())
    >>> open_own(manager, header) == K
    True
    >>> open_own(setup(SystemRandomness()), header) == K
    False
    """
    return pairing_product([(manager.G, header.C2)]).to_bytes()


def absorb(manager: ManagerKey, removed: Sequence[Scalar], s: Scalar) -> ManagerKey:
    """Start a generation: remove members for ever and refresh the base (3.5, F2).

    Parameters
    ----------
    manager : ManagerKey
    removed : sequence of Scalar
        The x of all slots, virtual ones too.
    s : Scalar
        The refresh, which only openers of the transition record can derive.

    Returns
    -------
    ManagerKey
        With ``H := s / prod(gamma + x_i) H``.

    Raises
    ------
    ExcludedError
        If an x is minus gamma, which `fresh_x` never draws.

    Examples
    --------
    With gamma = 4, removing x = 2 divides H by six:

    >>> manager = ManagerKey(G1_GENERATOR, Scalar(4), G2_GENERATOR)
    >>> absorb(manager, [Scalar(2)], Scalar(3)).H * Scalar(2) == G2_GENERATOR
    True
    """
    factor = s * product([invert(manager.gamma + x) for x in removed])
    return replace(manager, H=manager.H * factor)


def verification_hash(manager: ManagerKey) -> bytes:
    """Hash of ``e(G, H)``, by which a new member checks a key without G (F1).

    Parameters
    ----------
    manager : ManagerKey

    Returns
    -------
    bytes
        32, for the current base.

    Examples
    --------
    It changes with the base:

    >>> manager = ManagerKey(G1_GENERATOR, Scalar(4), G2_GENERATOR)
    >>> h_v = verification_hash(manager)
    >>> len(h_v), h_v == verification_hash(absorb(manager, [Scalar(2)], Scalar(3)))
    (32, False)
    """
    return digest("V", pairing_product([(manager.G, manager.H)]).to_bytes())
