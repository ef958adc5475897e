"""Manifests: what a published table is, signed by R and by every lookup server.

The salt of a table comes from R's records and from a secret of every server that was
committed before the freeze: nobody can choose tags so that they meet in the layout
(F9).  Each manifest names its predecessor and everybody's token keys, so that no client
gets a world of its own (F10).
"""

from dataclasses import dataclass
from hashlib import sha256

from private_presence.errors import EncodingError, EpochError, VerificationError
from private_presence.primitives.blinding import SigningKey, sign
from private_presence.primitives.curve import decode_g2
from private_presence.primitives.kdf import digest, label_bytes, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_length, check_version
from private_presence.primitives.secret import equal
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.signed import open_signed

__all__ = [
    "MAX_LAYOUT_SIZE",
    "MAX_MANIFEST_SIZE",
    "MAX_SIGNED_SIZE",
    "Manifest",
    "check_contents",
    "decode_manifest",
    "encode_manifest",
    "manifest_hash",
    "mix_salt",
    "sign_manifest",
    "verify_manifest",
]

VERSION = 1
MAX_LAYOUT_SIZE = 8192
MAX_MANIFEST_SIZE = 16_384
MAX_SIGNED_SIZE = 2 * MAX_MANIFEST_SIZE  # with everybody's signature


@dataclass(frozen=True)
class Manifest:
    """The facts of one published table.

    Parameters
    ----------
    dep_id : bytes, 16
    kind, epoch : int
    count : int
        Records.
    value_size : int
        Bytes of each value.
    raw_hash : bytes, 32
        SHA-256 of the raw file, which the download mode checks too (F31).
    previous : bytes, 32
        Hash of the manifest before this one, of the same kind.
    commitments, openings : tuple of bytes
        One of each per lookup server.
    salt : bytes, 32
    token_keys : tuple of bytes
        LT only: public keys of the next day, one per role.
    layout : bytes
        What the layout of the table needs to be read.

    Examples
    --------
    >>> about = (bytes(16), Kind.ST, 7, 0, 128, bytes(32), bytes(32))
    >>> manifest = Manifest(*about, (), (), bytes(32), (), b"layout")
    >>> manifest.count, manifest.value_size
    (0, 128)
    """

    dep_id: bytes
    kind: int
    epoch: int
    count: int
    value_size: int
    raw_hash: bytes
    previous: bytes
    commitments: tuple[bytes, ...]
    openings: tuple[bytes, ...]
    salt: bytes
    token_keys: tuple[bytes, ...]
    layout: bytes
    version: int = VERSION


def mix_salt(
    dep_id: bytes,
    kind: int,
    epoch: int,
    raw_hash: bytes,
    openings: tuple[bytes, ...],
) -> bytes:
    """The salt of a table (F9).

    Parameters
    ----------
    dep_id : bytes, 16
    kind, epoch : int
    raw_hash : bytes, 32
        Of the frozen records.
    openings : tuple of bytes
        32 from every server.

    Returns
    -------
    bytes
        32: uniform if one server drew its part at random.

    Examples
    --------
    One server's other part gives another salt:

    >>> one = mix_salt(bytes(16), Kind.ST, 7, bytes(32), (b"a" * 32, b"b" * 32))
    >>> other = mix_salt(bytes(16), Kind.ST, 7, bytes(32), (b"a" * 32, b"c" * 32))
    >>> len(one), one == other
    (32, False)
    """
    return digest("salt", dep_id, bytes([kind]), u32(epoch), raw_hash, *openings)


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest.

    Parameters
    ----------
    manifest : Manifest

    Returns
    -------
    bytes

    Examples
    --------
    >>> about = (bytes(16), Kind.ST, 7, 0, 128, bytes(32), bytes(32))
    >>> manifest = Manifest(*about, (), (), bytes(32), (), b"layout")
    >>> decode_manifest(encode_manifest(manifest)) == manifest
    True
    """
    return encode_record(manifest)


def manifest_hash(encoded: bytes) -> bytes:
    """Hash of a manifest, by which the next one names it.

    Parameters
    ----------
    encoded : bytes

    Returns
    -------
    bytes
        32.

    Examples
    --------
    >>> len(manifest_hash(b"one")), manifest_hash(b"one") == manifest_hash(b"other")
    (32, False)
    """
    return digest("manifest-hash", sha256(encoded).digest())


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest, checking the size of every field.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Manifest
        Not yet verified.

    Raises
    ------
    EncodingError
        If a field is out of range.

    Examples
    --------
    A hash of 31 bytes:

    >>> about = (bytes(16), Kind.ST, 7, 0, 128, bytes(31), bytes(32))
    >>> decode_manifest(encode_manifest(Manifest(*about, (), (), bytes(32), (), b"")))
    Traceback (most recent call last):
    private_presence.errors.LengthError: ...
    """
    m = decode_record(Manifest, data, MAX_MANIFEST_SIZE)
    check_version(m.version, VERSION, "a manifest")
    check_length(m.dep_id, 16, "a deployment's name")
    for item in (m.raw_hash, m.previous, m.salt, *m.commitments, *m.openings):
        check_length(item, 32, "a hash of a manifest")
    if m.kind not in list(Kind) or max(m.epoch, m.count, m.value_size) >= 1 << 32:
        raise EncodingError("a number of a manifest is out of range: refuse it")
    if len(m.layout) > MAX_LAYOUT_SIZE or len(m.commitments) != len(m.openings):
        raise EncodingError("a manifest's layout or openings have another size")
    for key in m.token_keys:
        decode_g2(key)
    return m


def sign_manifest(encoded: bytes, key: SigningKey, rng: Randomness) -> bytes:
    """Sign a manifest, as R or as a lookup server.

    Parameters
    ----------
    encoded : bytes
    key : SigningKey
    rng : Randomness

    Returns
    -------
    bytes
        64.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.signed import encode_signed
    >>> key = signing_key(bytes(range(64)))
    >>> signature = sign_manifest(b"encoded", key, SystemRandomness())
    >>> data = encode_signed(b"encoded", [signature])
    >>> open_signed(data, "manifest", [key.public], MAX_MANIFEST_SIZE)
    b'encoded'
    """
    return sign(key, label_bytes("manifest") + encoded, rng)


def verify_manifest(
    data: bytes, config: Config, kind: Kind, epoch: int, previous: bytes | None
) -> Manifest:
    """Check all that a client checks of a manifest.

    Parameters
    ----------
    data : bytes
        Manifest and signatures, byte for byte the same from all servers.
    config : Config
    kind : Kind
    epoch : int
        Asked for.
    previous : bytes or None
        Hash of the manifest before, if this client saw it.

    Returns
    -------
    Manifest

    Raises
    ------
    EpochError
        If it is of another epoch or kind.

    Raises `VerificationError` too, if a signature, the salt or the chain is wrong.

    Examples
    --------
    What nobody signed is not looked at:

    >>> from private_presence.protocol.signed import encode_signed
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> verify_manifest(encode_signed(b"encoded", []), config, Kind.ST, 7, None)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: signatures of R and of all servers ...
    """
    keys = [config.registrar, *config.servers]
    encoded = open_signed(data, "manifest", keys, MAX_SIGNED_SIZE)
    manifest = decode_manifest(encoded)
    if (manifest.kind, manifest.epoch) != (kind, epoch):
        raise EpochError(f"a manifest of {kind.name} epoch {epoch} was asked for")
    check_contents(manifest, config, previous)
    return manifest


def check_contents(manifest: Manifest, config: Config, previous: bytes | None) -> None:
    """Check deployment, salt equation and chain, signatures apart.

    Parameters
    ----------
    manifest : Manifest
    config : Config
    previous : bytes or None

    Raises
    ------
    VerificationError
        If one of them is wrong.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> parts = (b"a" * 32, b"b" * 32)
    >>> table = (config.dep_id, Kind.ST, 7)
    >>> hashes = tuple(sha256(part).digest() for part in parts)
    >>> about = (*table, 0, 128, bytes(32), bytes(32), hashes, parts)
    >>> salt = mix_salt(*table, bytes(32), parts)
    >>> check_contents(Manifest(*about, salt, (), b""), config, None)
    >>> check_contents(Manifest(*about, bytes(32), (), b""), config, None)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: the salt was not mixed from all ...
    """
    m = manifest
    if not equal(m.dep_id, config.dep_id) or len(m.openings) != len(config.servers):
        raise VerificationError("a manifest is of another deployment: refuse it")
    hashes = [sha256(opening).digest() for opening in m.openings]
    if not all(map(equal, hashes, m.commitments)):
        raise VerificationError("an opening does not fit its commitment: refuse it")
    salt = mix_salt(m.dep_id, m.kind, m.epoch, m.raw_hash, m.openings)
    if not equal(salt, m.salt):
        raise VerificationError("the salt was not mixed from all openings: refuse it")
    if previous is not None and not equal(previous, m.previous):
        raise VerificationError(
            "a manifest does not follow the one seen before: somebody is shown another "
            "history; stop and compare with others"
        )
