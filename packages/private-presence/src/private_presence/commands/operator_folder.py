"""The folder that an operator keeps to herself.

::

    keys.presence            secret: signing seed, and the issuer's secrets of a registrar
    authority.pem            secret: the operator's certificate authority
    leaf.pem                 secret: the certificate in use, renewed under the authority
    introduction.presence    public: who one is, for the other operators
    signed.presence          public: which directories one has signed, so as not to sign two
"""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from private_presence.commands.operator_files import Introduction, decode_introduction
from private_presence.errors import EncodingError
from private_presence.primitives import cbor
from private_presence.primitives.blinding import SigningKey, signing_key
from private_presence.primitives.reader import check_version
from private_presence.primitives.secret import Secret
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.directory import Directory, encode_directory
from private_presence.server.web.authority import write_private

__all__ = ["OperatorFolder", "OperatorKeys", "digest_of"]

VERSION = 1
MAX_KEYS_SIZE = 1024
MAX_LIST_SIZE = 1 << 20


@dataclass(frozen=True)
class OperatorKeys:
    """One operator's secrets.

    Parameters
    ----------
    role : str
        One of `ROLES`.
    signing : Secret, 64
        Seed of the party's Ed25519 key; empty for a relay, which signs nothing.
    issuer : Secret, 64
        Seed of the issuer's key; a registrar's only.
    issuer_root : Secret, 32
        All token keys follow from it; a registrar's only.

    Examples
    --------
    >>> seed, none = Secret(bytes(range(64))), Secret(b"")
    >>> keys = OperatorKeys("pir", seed, none, none)
    >>> keys
    OperatorKeys(role='pir', version=1)
    >>> keys.key.public == signing_key(bytes(range(64))).public
    True
    """

    role: str
    signing: Secret = field(repr=False)
    issuer: Secret = field(repr=False)
    issuer_root: Secret = field(repr=False)
    version: int = VERSION

    @property
    def key(self) -> SigningKey:
        """The party's signing key."""
        return signing_key(self.signing)


class OperatorFolder:
    """Where one operator's files are.

    Parameters
    ----------
    folder : Path

    Examples
    --------
    A second directory with the same serial can be refused:

    >>> import tempfile
    >>> from private_presence.protocol.directory import Party
    >>> parties = (Party("a.example:443", "", b"certificate"),) * 3
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = OperatorFolder(Path(folder))
    ...     files.note_signed(Directory(bytes(16), 4, parties))
    ...     serial, digest = files.signed()[bytes(16)]
    >>> serial, digest == digest_of(Directory(bytes(16), 4, parties[:2]))
    (4, False)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys_file = folder / "keys.presence"
        self.authority = folder / "authority.pem"
        self.leaf = folder / "leaf.pem"
        self.introduction_file = folder / "introduction.presence"
        self._signed = folder / "signed.presence"

    def keys(self) -> OperatorKeys:
        """Read the secrets.

        Returns
        -------
        OperatorKeys
        """
        keys = decode_record(OperatorKeys, self.keys_file.read_bytes(), MAX_KEYS_SIZE)
        check_version(keys.version, VERSION, "an operator's keys")
        return keys

    def save_keys(self, keys: OperatorKeys) -> None:
        """Write the secrets.

        Parameters
        ----------
        keys : OperatorKeys
        """
        write_private(self.keys_file, encode_record(keys))

    def introduction(self) -> Introduction:
        """Read one's own introduction.

        Returns
        -------
        Introduction
        """
        return decode_introduction(self.introduction_file.read_bytes())

    def signed(self) -> dict[bytes, tuple[int, bytes]]:
        """Read which directory was signed last.

        Returns
        -------
        dict
            From deployment name to serial and SHA-256 of the directory.

        Raises
        ------
        EncodingError
            If the file is not whole.
        """
        if not self._signed.exists():
            return {}
        rows = cbor.decode(self._signed.read_bytes(), MAX_LIST_SIZE)
        match rows:
            case list():
                return {name: (serial, digest) for name, serial, digest in rows}  # type: ignore[misc]  # this program wrote it
        raise EncodingError("the list of signed directories is not whole: restore it")

    def note_signed(self, directory: Directory) -> None:
        """Write down that a directory is being signed, before it is.

        Parameters
        ----------
        directory : Directory
        """
        rows = self.signed()
        rows[directory.dep_id] = directory.serial, digest_of(directory)
        data = cbor.encode([[name, *row] for name, row in sorted(rows.items())])
        write_private(self._signed, data)


def digest_of(directory: Directory) -> bytes:
    """Hash a directory.

    Parameters
    ----------
    directory : Directory

    Returns
    -------
    bytes
        32.

    Examples
    --------
    >>> from private_presence.protocol.directory import Party
    >>> parties = (Party("a.example:443", "", b"certificate"),) * 3
    >>> digests = [digest_of(Directory(bytes(16), n, parties)) for n in (1, 1, 2)]
    >>> [each == digests[0] for each in digests]
    [True, True, False]
    """
    return sha256(encode_directory(directory)).digest()
