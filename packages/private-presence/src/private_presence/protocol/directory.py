"""Where the parties of a deployment are found: signed by all, but not part of its name.

Addresses and certificates change while a deployment lives; keys and constants do not
(a change of those is another deployment).  So they are signed apart, by R and by every
lookup server: an honest server refuses an entry that is not its own, and a client that
holds one serial accepts no lower one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from private_presence.errors import EncodingError, VerificationError
from private_presence.primitives.blinding import SigningKey, sign
from private_presence.primitives.kdf import label_bytes
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_version
from private_presence.primitives.secret import equal
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import Config
from private_presence.protocol.signed import open_signed

__all__ = [
    "MAX_DIRECTORY_SIZE",
    "Directory",
    "Party",
    "decode_directory",
    "decode_signed_directory",
    "encode_directory",
    "sign_directory",
    "split_address",
]

VERSION = 1
MAX_ANCHOR_SIZE = 2048
MAX_DIRECTORY_SIZE = 49_152  # of 18 parties


@dataclass(frozen=True)
class Party:
    """One server's place.

    Parameters
    ----------
    address : str
        ``host:port`` for clients.
    peer : str
        ``host:port`` for the other servers; empty for R and for a relay.
    anchor : bytes
        X.509 certificate (DER) of the operator's own authority: the only one that
        vouches for this party's TLS certificates, which may be renewed under it.

    Raises
    ------
    EncodingError
        If an address or the certificate has no such form.

    Examples
    --------
    >>> Party("a.example:8443", "a.example:8444", b"certificate")
    Party(address='a.example:8443', peer='a.example:8444')
    >>> Party("a.example", "", b"certificate")
    Traceback (most recent call last):
    private_presence.errors.EncodingError: expected an address of the form host:port, ...
    """

    address: str
    peer: str
    anchor: bytes = field(repr=False)

    def __post_init__(self) -> None:
        split_address(self.address)
        if self.peer:
            split_address(self.peer)
        if not 0 < len(self.anchor) <= MAX_ANCHOR_SIZE:
            raise EncodingError(
                f"expected a certificate of at most {MAX_ANCHOR_SIZE} bytes; got "
                f"{len(self.anchor)}: give the operator's own authority, in DER"
            )


@dataclass(frozen=True)
class Directory:
    """The places of all parties.

    Parameters
    ----------
    dep_id : bytes, 16
    serial : int
        A higher one replaces a lower one.
    parties : tuple of Party
        R, then every lookup server in the configuration's order.
    relay : Party or None
        Run by neither; registrations go through it by default (F11).

    Examples
    --------
    >>> party = Party("a.example:8443", "", b"certificate")
    >>> directory = Directory(bytes(16), 1, (party,) * 3)
    >>> len(directory.parties), directory.relay
    (3, None)
    """

    dep_id: bytes
    serial: int
    parties: tuple[Party, ...]
    relay: Party | None = None
    version: int = VERSION


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port``.

    Parameters
    ----------
    address : str
        An IPv6 host stands in brackets.

    Returns
    -------
    host, port : str, int

    Raises
    ------
    EncodingError
        If it has another form.

    Examples
    --------
    >>> split_address("[::1]:8443")
    ('::1', 8443)
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    name = host[1:-1] if bracketed else host
    plain = name.isascii() and name.isprintable() and not set(name) & set(" /@[]")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    good = colon and plain and 0 < len(name) <= 253 and (bracketed == (":" in name))
    if not (good and digits and 0 < int(port) < 1 << 16):
        raise EncodingError(
            "expected an address of the form host:port, an IPv6 host in brackets; got "
            "another form: correct the directory"
        )
    return name, int(port)


def encode_directory(directory: Directory) -> bytes:
    """Write a directory.

    Parameters
    ----------
    directory : Directory

    Returns
    -------
    bytes

    Examples
    --------
    >>> party = Party("a.example:8443", "", b"certificate")
    >>> directory = Directory(bytes(16), 1, (party,) * 3, relay=party)
    >>> decode_directory(encode_directory(directory)) == directory
    True
    """
    return encode_record(directory)


def decode_directory(data: bytes) -> Directory:
    """Read a directory.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Directory
        Not yet verified.

    Examples
    --------
    >>> decode_directory(encode_directory(Directory(bytes(16), 1, (), version=2)))
    Traceback (most recent call last):
    private_presence.errors.VersionError: ...
    """
    directory = decode_record(Directory, data, MAX_DIRECTORY_SIZE)
    check_version(directory.version, VERSION, "a directory")
    return directory


def sign_directory(encoded: bytes, key: SigningKey, rng: Randomness) -> bytes:
    """Sign a directory, as R or as a lookup server whose own entry is right.

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
    >>> signature = sign_directory(b"encoded", key, SystemRandomness())
    >>> data = encode_signed(b"encoded", [signature])
    >>> open_signed(data, "directory", [key.public], MAX_DIRECTORY_SIZE)
    b'encoded'
    """
    return sign(key, label_bytes("directory") + encoded, rng)


def decode_signed_directory(data: bytes, config: Config) -> Directory:
    """Read a directory that R and every lookup server signed.

    Parameters
    ----------
    data : bytes
        From `encode_signed`, of `encode_directory` and `sign_directory`.
    config : Config

    Returns
    -------
    Directory

    Raises
    ------
    VerificationError
        If it is of another deployment, or has not one entry for each party.

    Examples
    --------
    What nobody signed is not looked at:

    >>> from private_presence.protocol.signed import encode_signed
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> decode_signed_directory(encode_signed(b"encoded", []), config)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: signatures of R and of all servers ...
    """
    keys: Sequence[bytes] = [config.registrar, *config.servers]
    encoded = open_signed(data, "directory", keys, 2 * MAX_DIRECTORY_SIZE)
    directory = decode_directory(encoded)
    if not equal(directory.dep_id, config.dep_id):
        raise VerificationError("a directory is of another deployment: refuse it")
    if len(directory.parties) != len(keys):
        raise VerificationError(
            f"a directory has {len(keys)} parties here; got {len(directory.parties)}: "
            "refuse it"
        )
    return directory
