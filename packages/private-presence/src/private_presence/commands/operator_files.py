"""What operators send to each other: introductions, proposals, endorsements."""

from dataclasses import dataclass
from hashlib import sha256

from private_presence.errors import EncodingError, VerificationError
from private_presence.primitives import cbor
from private_presence.primitives.blinding import SigningKey, sign, verify
from private_presence.primitives.kdf import label_bytes
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_version
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import (
    MAX_CONFIG_SIZE,
    Config,
    decode_config,
    encode_config,
)
from private_presence.protocol.directory import (
    MAX_DIRECTORY_SIZE,
    Directory,
    Party,
    decode_directory,
    encode_directory,
)

__all__ = [
    "ROLES",
    "Endorsement",
    "Introduction",
    "Proposal",
    "decode_endorsement",
    "decode_introduction",
    "decode_proposal",
    "encode_endorsement",
    "encode_introduction",
    "encode_proposal",
]

VERSION = 1
ROLES = ("registrar", "pir", "relay")
MAX_INTRODUCTION_SIZE = 8192
MAX_PROPOSAL_SIZE = MAX_CONFIG_SIZE + MAX_DIRECTORY_SIZE + 64
MAX_ENDORSEMENT_SIZE = 256


@dataclass(frozen=True)
class Introduction:
    """What an operator tells the others.

    Parameters
    ----------
    role : str
    key, issuer : bytes
        Public keys of 32 bytes; empty where the role has none.
    party : Party

    Examples
    --------
    A relay signs nothing, so it has no key:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> relay = Introduction("relay", b"", b"", Party("a.example:443", "", b"c"))
    >>> data = encode_introduction(relay, None, SystemRandomness())
    >>> decode_introduction(data) == relay
    True
    """

    role: str
    key: bytes
    issuer: bytes
    party: Party
    version: int = VERSION


@dataclass(frozen=True)
class Proposal:
    """What all operators are to sign.

    Parameters
    ----------
    config : Config
    directory : Directory

    Examples
    --------
    Another serial makes another proposal:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> party = Party("a.example:443", "", b"certificate")
    >>> directories = [Directory(config.dep_id, n, (party,) * 3) for n in (1, 2)]
    >>> names = {Proposal(config, directory).name for directory in directories}
    >>> len(names), {len(name) for name in names}
    (2, {16})
    """

    config: Config
    directory: Directory

    @property
    def name(self) -> bytes:
        """Sixteen bytes by which operators make sure that they mean the same one."""
        return sha256(label_bytes("proposal") + encode_proposal(self)).digest()[:16]


@dataclass(frozen=True)
class Endorsement:
    """One operator's two signatures under a proposal.

    Parameters
    ----------
    key : bytes, 32
        Of who signs.
    config, directory : bytes, 64
        Signatures, as of `sign_config` and `sign_directory`.

    Examples
    --------
    >>> endorsement = Endorsement(bytes(32), b"c" * 64, b"d" * 64)
    >>> decode_endorsement(encode_endorsement(endorsement)) == endorsement
    True
    """

    key: bytes
    config: bytes
    directory: bytes
    version: int = VERSION


def encode_introduction(
    introduction: Introduction, key: SigningKey | None, rng: Randomness
) -> bytes:
    """Write an introduction, signed by the key in it: the sender has that key.

    Parameters
    ----------
    introduction : Introduction
    key : SigningKey or None
        None for a relay.
    rng : Randomness

    Returns
    -------
    bytes

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> party = Party("a.example:443", "a.example:444", b"certificate")
    >>> server = Introduction("pir", key.public, b"", party)
    >>> data = encode_introduction(server, key, SystemRandomness())
    >>> decode_introduction(data).party.peer
    'a.example:444'
    """
    body = encode_record(introduction)
    signature = b"" if key is None else sign(key, _introducing(body), rng)
    return cbor.encode([VERSION, body, signature])


def decode_introduction(data: bytes) -> Introduction:
    """Read an introduction.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Introduction

    Raises
    ------
    EncodingError
        If it has another form or an unknown role.
    VerificationError
        If its key did not sign it.

    Examples
    --------
    Somebody introduces herself with another's key:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key, other = signing_key(bytes(range(64))), signing_key(b"b" * 64)
    >>> party = Party("evil.example:443", "evil.example:444", b"certificate")
    >>> forged = Introduction("pir", key.public, b"", party)
    >>> decode_introduction(encode_introduction(forged, other, SystemRandomness()))
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    body, signature = _pair(data, MAX_INTRODUCTION_SIZE, "an introduction")
    introduction = decode_record(Introduction, body, MAX_INTRODUCTION_SIZE)
    check_version(introduction.version, VERSION, "an introduction")
    if introduction.role not in ROLES:
        raise EncodingError("an introduction names an unknown role: ask its operator")
    if introduction.role != "relay":
        verify(introduction.key, _introducing(body), signature)
    elif introduction.key or introduction.issuer:
        raise VerificationError("a relay has no signing key: ask its operator")
    return introduction


def encode_proposal(proposal: Proposal) -> bytes:
    """Write a proposal.

    Parameters
    ----------
    proposal : Proposal

    Returns
    -------
    bytes

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> party = Party("a.example:443", "", b"certificate")
    >>> proposal = Proposal(config, Directory(config.dep_id, 1, (party,) * 3))
    >>> decode_proposal(encode_proposal(proposal)) == proposal
    True
    """
    config, directory = proposal.config, proposal.directory
    return cbor.encode([VERSION, encode_config(config), encode_directory(directory)])


def decode_proposal(data: bytes) -> Proposal:
    """Read a proposal.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Proposal
        Signed by nobody yet.

    Raises `EncodingError` or `ConfigError` if it has another form.

    Examples
    --------
    An endorsement is no proposal:

    >>> data = encode_endorsement(Endorsement(bytes(32), bytes(64), bytes(64)))
    >>> decode_proposal(data)
    Traceback (most recent call last):
    private_presence.errors.EncodingError: expected a proposal of version 1; ...
    """
    config, directory = _pair(data, MAX_PROPOSAL_SIZE, "a proposal")
    return Proposal(decode_config(config), decode_directory(directory))


def encode_endorsement(endorsement: Endorsement) -> bytes:
    """Write an endorsement.

    Parameters
    ----------
    endorsement : Endorsement

    Returns
    -------
    bytes

    Examples
    --------
    >>> one = Endorsement(bytes(32), b"c" * 64, b"d" * 64)
    >>> other = Endorsement(bytes(range(32)), b"d" * 64, b"c" * 64)
    >>> len(encode_endorsement(one)), len(encode_endorsement(other))
    (168, 168)
    """
    return encode_record(endorsement)


def decode_endorsement(data: bytes) -> Endorsement:
    """Read an endorsement.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Endorsement
        Not yet verified.

    Raises `EncodingError` if it has another form, or `VersionError`.

    Examples
    --------
    >>> data = encode_endorsement(Endorsement(bytes(32), bytes(64), bytes(64), 2))
    >>> decode_endorsement(data)
    Traceback (most recent call last):
    private_presence.errors.VersionError: ...
    """
    endorsement = decode_record(Endorsement, data, MAX_ENDORSEMENT_SIZE)
    check_version(endorsement.version, VERSION, "an endorsement")
    return endorsement


def _introducing(body: bytes) -> bytes:
    return label_bytes("introduction") + body


def _pair(data: bytes, limit: int, what: str) -> tuple[bytes, bytes]:
    match cbor.decode(data, limit):
        case [int(version), bytes(first), bytes(second)] if version == VERSION:
            return first, second
    raise EncodingError(
        f"expected {what} of version {VERSION}; got something else: ask who sent it"
    )
