"""What a server has promised for one table: one small record, replaced as a whole."""

from dataclasses import dataclass, field, replace
from hashlib import sha256

from private_presence.errors import EncodingError
from private_presence.primitives.blinding import SigningKey
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_version
from private_presence.primitives.secret import Secret, equal
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.lookup_server import Promise, promise, sign_commitment
from private_presence.protocol.manifest import (
    Manifest,
    encode_manifest,
    manifest_hash,
    sign_manifest,
)

__all__ = ["Kept", "decode_kept", "encode_kept", "fresh", "recalled"]

VERSION = 1
MAX_SIZE = 4096


@dataclass(frozen=True)
class Kept:
    """Everything small that is kept of a table; on disk before any of it is told.

    Parameters
    ----------
    part : Secret, 32
        This server's part of the salt.
    commitments : tuple of bytes
        Of every server in order, 96 each, signed; empty where not known yet.
    raw_hash : bytes
        Of the raw file on the shelf, empty before it came.
    raw_signature : bytes
        R's, over it: with a second one a proof.
    opening : bytes
        128, empty before the part was opened; it is opened for `raw_hash` only.
    manifest_hash : bytes
        Of the only manifest signed.
    countersignature : bytes, 64

    Examples
    --------
    >>> kept = Kept(Secret(bytes(32)), (b"", b""))
    >>> kept.with_commitment(1, b"signed").commitments
    (b'', b'signed')
    >>> kept.promise(Kind.ST, 7).epoch
    7
    """

    part: Secret = field(repr=False)
    commitments: tuple[bytes, ...]
    raw_hash: bytes = b""
    raw_signature: bytes = b""
    opening: bytes = field(default=b"", repr=False)
    manifest_hash: bytes = b""
    countersignature: bytes = b""
    version: int = VERSION

    def promise(self, kind: Kind, epoch: int) -> Promise:
        """Return the promise as the protocol's rules take it.

        Parameters
        ----------
        kind : Kind
        epoch : int

        Returns
        -------
        Promise
        """
        opened = self.raw_hash if self.opening else b""
        return Promise(kind, epoch, self.part, opened, self.manifest_hash)

    def with_commitment(self, server: int, signed: bytes) -> "Kept":
        """Remember what another server committed to.

        Parameters
        ----------
        server : int
        signed : bytes, 96

        Returns
        -------
        Kept
        """
        items = list(self.commitments)
        items[server] = signed
        return replace(self, commitments=tuple(items))


def fresh(
    config: Config,
    table: tuple[Kind, int],
    own: tuple[int, SigningKey],
    rng: Randomness,
) -> Kept:
    """Draw a part of the salt and sign the commitment to it.

    Parameters
    ----------
    config : Config
    table : (Kind, int)
    own : (int, SigningKey)
        This server's number and key.
    rng : Randomness

    Returns
    -------
    Kept

    Examples
    --------
    The other server's commitment is not known yet:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(bytes(32), (key.public, bytes(32)), bytes(32))
    >>> kept = fresh(config, (Kind.ST, 7), (0, key), SystemRandomness())
    >>> len(kept.part), [len(signed) for signed in kept.commitments]
    (32, [96, 0])
    >>> kept.commitments[0][:32] == sha256(kept.part).digest()
    True
    """
    index, key = own
    drawn = promise(*table, rng)
    blank = Kept(drawn.part, (b"",) * len(config.servers))
    return blank.with_commitment(index, sign_commitment(drawn, config, key, rng))


def recalled(
    manifest: Manifest, config: Config, own: tuple[int, SigningKey], rng: Randomness
) -> Kept:
    """Make the promise again that a manifest with this server's signature shows.

    Parameters
    ----------
    manifest : Manifest
        Verified.
    config : Config
    own : (int, SigningKey)
        This server's number and key.
    rng : Randomness

    Returns
    -------
    Kept
        With its own part, the raw file's hash and the one manifest, so that no other
        one is ever promised; R's signature over the raw file is lost.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key, rng = signing_key(bytes(range(64))), SystemRandomness()
    >>> config, raw_hash = (
    ...     Config(bytes(32), (key.public, bytes(32)), bytes(32)),
    ...     b"r" * 32,
    ... )
    >>> about = (config.dep_id, Kind.LT, 7, 0, 128, raw_hash, bytes(32))
    >>> parts = (b"p" * 32, b"q" * 32)
    >>> manifest = Manifest(*about, (bytes(32),) * 2, parts, bytes(32), (), b"layout")
    >>> kept = recalled(manifest, config, (0, key), rng)
    >>> bytes(kept.part) == parts[0], kept.raw_hash == raw_hash
    (True, True)
    """
    index, key = own
    encoded = encode_manifest(manifest)
    part = Secret(manifest.openings[index])
    made = Promise(Kind(manifest.kind), manifest.epoch, part)
    kept = Kept(
        part,
        (b"",) * len(config.servers),
        raw_hash=manifest.raw_hash,
        manifest_hash=manifest_hash(encoded),
        countersignature=sign_manifest(encoded, key, rng),
    )
    return kept.with_commitment(index, sign_commitment(made, config, key, rng))


def encode_kept(kept: Kept) -> bytes:
    """Write the record, with a hash that shows a damaged disk.

    Parameters
    ----------
    kept : Kept

    Returns
    -------
    bytes

    Examples
    --------
    The hash comes first:

    >>> data = encode_kept(Kept(Secret(bytes(32)), (b"", b"")))
    >>> data[:32] == sha256(data[32:]).digest()
    True
    """
    data = encode_record(kept)
    return sha256(data).digest() + data


def decode_kept(data: bytes) -> Kept:
    """Read a record.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Kept

    Raises
    ------
    EncodingError
        If it is not whole: to go on with a guess would break a promise.

    Examples
    --------
    >>> kept = Kept(Secret(bytes(32)), (b"", b""))
    >>> data = encode_kept(kept)
    >>> decode_kept(data) == kept
    True
    >>> decode_kept(data[:-1])
    Traceback (most recent call last):
    private_presence.errors.EncodingError: a promise on the shelf is damaged: ...
    """
    digest, rest = data[:32], data[32:]
    if not equal(sha256(rest).digest(), digest):
        raise EncodingError(
            "a promise on the shelf is damaged: restore the file, or wait until its "
            "epoch is over and remove it"
        )
    kept = decode_record(Kept, rest, MAX_SIZE)
    check_version(kept.version, VERSION, "a promise")
    return kept
