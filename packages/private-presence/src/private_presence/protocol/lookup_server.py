"""A lookup server's promises: one salt, one raw file, one manifest per table (F9, F10)."""

from dataclasses import dataclass, field, replace
from hashlib import sha256

from private_presence.errors import (
    EpochError,
    ReplayError,
    StateError,
    VerificationError,
)
from private_presence.primitives.blinding import SigningKey, sign, verify
from private_presence.primitives.kdf import label_bytes, u32
from private_presence.primitives.randomness import Randomness
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
    "open_part",
    "promise",
    "verify_opening",
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
    """A part with the server's signature over it and the raw file's hash."""

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
    """
    return Promise(kind, epoch, Secret(rng.draw(32)))


def _opening_message(config: Config, kind: int, epoch: int, rest: bytes) -> bytes:
    return label_bytes("opening") + config.dep_id + bytes([kind]) + u32(epoch) + rest


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
    """
    if state.raw_hash and not equal(state.raw_hash, raw_hash):
        raise ReplayError("this part of the salt was opened for another raw file")
    message = _opening_message(config, state.kind, state.epoch, state.part + raw_hash)
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
    """
    message = _opening_message(config, kind, epoch, opening.part + opening.raw_hash)
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
