"""A lookup server's promises: one salt, one raw file, one manifest per table (F9, F10)."""

from dataclasses import dataclass, field, replace
from hashlib import sha256

from private_presence.errors import (
    EpochError,
    ReplayError,
    StateError,
    VerificationError,
)
from private_presence.primitives.blinding import (
    SIGNATURE_SIZE,
    SigningKey,
    sign,
    verify,
)
from private_presence.primitives.kdf import label_bytes, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_length
from private_presence.primitives.secret import Secret, equal
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.manifest import (
    check_contents,
    decode_manifest,
    manifest_hash,
    sign_manifest,
)

__all__ = [
    "Opening",
    "Promise",
    "countersign",
    "decode_opening",
    "encode_opening",
    "open_part",
    "promise",
    "sign_commitment",
    "sign_raw",
    "verify_asked",
    "verify_commitment",
    "verify_opening",
    "verify_raw",
]


@dataclass(frozen=True)
class Promise:
    """What one server keeps for one kind and epoch.

    Parameters
    ----------
    kind : Kind
    epoch : int
    part : Secret
        32 random bytes; their hash goes out before the freeze.
    raw_hash : bytes
        Empty until the part is opened, then of the only raw file it will serve.
    manifest_hash : bytes
        Empty until a manifest is signed, then of the only one.

    Examples
    --------
    The commitment goes out; the part is not even printed:

    >>> state = Promise(Kind.ST, 7, Secret(bytes(32)))
    >>> state.commitment == sha256(bytes(32)).digest(), "part" in repr(state)
    (True, False)
    """

    kind: Kind
    epoch: int
    part: Secret = field(repr=False)
    raw_hash: bytes = b""
    manifest_hash: bytes = b""

    @property
    def commitment(self) -> bytes:
        """SHA-256 of the part, for R and for all other servers."""
        return sha256(self.part).digest()


@dataclass(frozen=True)
class Opening:
    """A part with the server's signature over it and the raw file's hash.

    Examples
    --------
    >>> opening = Opening(b"p" * 32, b"r" * 32, b"s" * 64)
    >>> decode_opening(encode_opening(opening)) == opening
    True
    """

    part: bytes
    raw_hash: bytes
    signature: bytes


def promise(kind: Kind, epoch: int, rng: Randomness) -> Promise:
    """Draw a server's part of the salt, before the freeze.

    Parameters
    ----------
    kind : Kind
    epoch : int
    rng : Randomness

    Returns
    -------
    Promise

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> state = promise(Kind.ST, 7, SystemRandomness())
    >>> len(state.part), state.raw_hash
    (32, b'')
    """
    return Promise(kind, epoch, Secret(rng.draw(32)))


def _message(label: str, config: Config, kind: int, epoch: int, rest: bytes) -> bytes:
    return label_bytes(label) + config.dep_id + bytes([kind]) + u32(epoch) + rest


def sign_commitment(
    state: Promise, config: Config, key: SigningKey, rng: Randomness
) -> bytes:
    """Give the commitment, signed: two of them for one table are a proof.

    Parameters
    ----------
    state : Promise
        Saved before this is sent.
    config : Config
    key : SigningKey
        This server's.
    rng : Randomness

    Returns
    -------
    bytes
        96: ``SHA-256(part) | signature``.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> state = promise(Kind.ST, 7, SystemRandomness())
    >>> data = sign_commitment(state, config, key, SystemRandomness())
    >>> len(data), data[:32] == state.commitment
    (96, True)
    """
    about = (config, state.kind, state.epoch, state.commitment)
    return state.commitment + sign(key, _message("commitment", *about), rng)


def verify_commitment(
    data: bytes, config: Config, kind: Kind, epoch: int, server: int
) -> bytes:
    """Check who committed; raises `VerificationError`.

    Parameters
    ----------
    data : bytes, 96
    config : Config
    kind : Kind
    epoch : int
    server : int
        Index in the configuration.

    Returns
    -------
    bytes
        The commitment, 32.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> state = promise(Kind.ST, 7, SystemRandomness())
    >>> data = sign_commitment(state, config, key, SystemRandomness())
    >>> verify_commitment(data, config, Kind.ST, 7, server=1) == state.commitment
    True
    """
    check_length(data, 32 + SIGNATURE_SIZE, "a signed commitment")
    commitment, signature = data[:32], data[32:]
    message = _message("commitment", config, kind, epoch, commitment)
    verify(config.servers[server], message, signature)
    return commitment


def sign_raw(
    config: Config,
    kind: Kind,
    epoch: int,
    raw_hash: bytes,
    key: SigningKey,
    rng: Randomness,
) -> bytes:
    """Name the raw file of a table, as R: two files for one table are a proof.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int
    raw_hash : bytes, 32
    key : SigningKey
        R's.
    rng : Randomness

    Returns
    -------
    bytes
        64.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> len(sign_raw(config, Kind.ST, 7, bytes(32), key, SystemRandomness()))
    64
    """
    return sign(key, _message("raw", config, kind, epoch, raw_hash), rng)


def verify_raw(
    config: Config, kind: Kind, epoch: int, raw_hash: bytes, signature: bytes
) -> None:
    """Check that R named a raw file; raises `VerificationError`.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int
    raw_hash : bytes, 32
    signature : bytes, 64

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> signature = sign_raw(config, Kind.ST, 7, bytes(32), key, SystemRandomness())
    >>> verify_raw(config, Kind.ST, 7, bytes(32), signature)
    >>> verify_raw(config, Kind.ST, 7, b"r" * 32, signature)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    message = _message("raw", config, kind, epoch, raw_hash)
    verify(config.registrar, message, signature)


def verify_asked(config: Config, encoded: bytes, signature: bytes) -> None:
    """Check that R asks for signatures under a manifest; raises `VerificationError`.

    Before anything else is done with it: a manifest that R never made must use up no
    server's only signature for a table, and accuse nobody.

    Parameters
    ----------
    config : Config
    encoded : bytes
        The manifest.
    signature : bytes, 64
        R's, as it will stand in the signed manifest.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (bytes(32),) * 2, bytes(32))
    >>> signature = sign_manifest(b"manifest", key, SystemRandomness())
    >>> verify_asked(config, b"manifest", signature)
    >>> verify_asked(config, b"another", signature)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    verify(config.registrar, label_bytes("manifest") + encoded, signature)


def encode_opening(opening: Opening) -> bytes:
    """Write an opening.

    Parameters
    ----------
    opening : Opening

    Returns
    -------
    bytes
        128: part, raw hash, signature.

    Examples
    --------
    >>> encode_opening(Opening(b"p", b"r", b"s"))
    b'prs'
    """
    return opening.part + opening.raw_hash + opening.signature


def decode_opening(data: bytes) -> Opening:
    """Read an opening.

    Parameters
    ----------
    data : bytes, 128

    Returns
    -------
    Opening
        Not yet verified.

    Examples
    --------
    >>> decode_opening(b"p" * 32 + b"r" * 32 + b"s" * 64).raw_hash == b"r" * 32
    True
    """
    check_length(data, 64 + SIGNATURE_SIZE, "an opening")
    return Opening(data[:32], data[32:64], data[64:])


def open_part(
    state: Promise, config: Config, raw_hash: bytes, key: SigningKey, rng: Randomness
) -> tuple[Promise, Opening]:
    """Open the part, once, after the hash of the raw file is known.

    Parameters
    ----------
    state : Promise
    config : Config
    raw_hash : bytes, 32
    key : SigningKey
        This server's.
    rng : Randomness

    Returns
    -------
    state : Promise
    opening : Opening

    Raises
    ------
    ReplayError
        If it was opened for another raw file: R would choose among salts.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key, rng = signing_key(bytes(range(64))), SystemRandomness()
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> state, _ = open_part(promise(Kind.ST, 7, rng), config, b"r" * 32, key, rng)
    >>> open_part(state, config, b"s" * 32, key, rng)
    Traceback (most recent call last):
    private_presence.errors.ReplayError: this part of the salt was opened for ...
    """
    if state.raw_hash and not equal(state.raw_hash, raw_hash):
        raise ReplayError("this part of the salt was opened for another raw file")
    message = _message(
        "opening", config, state.kind, state.epoch, state.part + raw_hash
    )
    opening = Opening(bytes(state.part), raw_hash, sign(key, message, rng))
    return replace(state, raw_hash=raw_hash), opening


def verify_opening(
    opening: Opening, config: Config, kind: Kind, epoch: int, server: int
) -> None:
    """Check who opened a part; raises `VerificationError`.

    Parameters
    ----------
    opening : Opening
    config : Config
    kind : Kind
    epoch : int
    server : int
        Index in the configuration.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key, rng = signing_key(bytes(range(64))), SystemRandomness()
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> _, opening = open_part(promise(Kind.ST, 7, rng), config, bytes(32), key, rng)
    >>> verify_opening(opening, config, Kind.ST, 7, server=1)
    >>> verify_opening(opening, config, Kind.ST, 8, server=1)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    message = _message("opening", config, kind, epoch, opening.part + opening.raw_hash)
    verify(config.servers[server], message, opening.signature)


def countersign(
    state: Promise,
    config: Config,
    encoded: bytes,
    previous: bytes,
    now: float,
    key: SigningKey,
    rng: Randomness,
) -> tuple[Promise, bytes]:
    """Sign a manifest, if it is the only one and true to the promises.

    Parameters
    ----------
    state : Promise
        Opened.
    config : Config
    encoded : bytes
        The manifest.
    previous : bytes, 32
        Hash of the manifest that this server signed before.
    now : float
        This server's own clock.
    key : SigningKey
    rng : Randomness

    Returns
    -------
    state : Promise
    signature : bytes

    Raises
    ------
    EpochError
        If it is of another epoch, or more than one epoch from this server's clock.
    StateError
        If the part was not opened.
    VerificationError
        If raw file or own opening are others.
    ReplayError
        If another manifest was signed for this table.

    Raises as `decode_manifest` and `check_contents` do too.

    Examples
    --------
    One manifest, and no second one:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.manifest import Manifest, encode_manifest
    >>> from private_presence.protocol.manifest import mix_salt
    >>> key, rng = signing_key(bytes(range(64))), SystemRandomness()
    >>> config, zero = Config(key.public, (key.public,) * 2, key.public), bytes(32)
    >>> state, opening = open_part(promise(Kind.ST, 7, rng), config, zero, key, rng)
    >>> table, parts = (config.dep_id, Kind.ST, 7), (opening.part,) * 2
    >>> about = (*table, 0, 128, zero, zero, (state.commitment,) * 2, parts)
    >>> manifest = Manifest(*about, mix_salt(*table, zero, parts), (), b"layout")
    >>> rest = (zero, 7 * 300.0, key, rng)
    >>> state, signature = countersign(state, config, encode_manifest(manifest), *rest)
    >>> len(signature)
    64
    >>> other = encode_manifest(replace(manifest, layout=b"another"))
    >>> countersign(state, config, other, *rest)
    Traceback (most recent call last):
    private_presence.errors.ReplayError: another manifest was signed for this table: ...
    """
    manifest = decode_manifest(encoded)
    check_contents(manifest, config, previous)
    if (manifest.kind, manifest.epoch) != (state.kind, state.epoch):
        raise EpochError("a manifest of another table than the promise")
    if abs(epoch_at(config, state.kind, now) - state.epoch) > 1:
        raise EpochError("a manifest's epoch is far from this server's clock (F18)")
    if not state.raw_hash:
        raise StateError("open the part of the salt before signing a manifest")
    own = bytes(state.part) in manifest.openings
    if not (own and equal(state.raw_hash, manifest.raw_hash)):
        raise VerificationError("a manifest differs from what this server opened for")
    digest = manifest_hash(encoded)
    if state.manifest_hash and not equal(state.manifest_hash, digest):
        raise ReplayError("another manifest was signed for this table: refuse this one")
    return replace(state, manifest_hash=digest), sign_manifest(encoded, key, rng)
