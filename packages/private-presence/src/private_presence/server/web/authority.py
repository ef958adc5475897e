"""An operator's own certificate authority, and the short-lived leaves under it.

Nobody outside a deployment vouches for its servers: the signed directory names, for each
party, the one authority (its *anchor*) whose leaves are believed there.  So a stolen
public authority opens nothing, and no domain name is needed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from private_presence.errors import EncodingError
from private_presence.primitives.randomness import Randomness, below
from private_presence.primitives.secret import Secret
from private_presence.protocol.directory import split_address
from private_presence.protocol.files import Files

__all__ = [
    "Authority",
    "expires",
    "issue_leaf",
    "load_authority",
    "make_authority",
    "save_authority",
    "save_leaf",
]

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
LEAF_DAYS = 30  # long enough for a month's holiday of the operator's timer
AUTHORITY_DAYS = 3650
EARLY = timedelta(hours=1)  # for clocks that are behind


@dataclass(frozen=True)
class Authority:
    """A certificate authority on P-256: the only curve every TLS library accepts.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> authority = make_authority("Ada", 1.7e9, SystemRandomness())
    >>> x509.load_der_x509_certificate(authority.anchor) == authority.certificate
    True
    >>> "key" in repr(authority)
    False
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def anchor(self) -> bytes:
        """The certificate in DER, as the directory has it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)


def make_authority(name: str, now: float, rng: Randomness) -> Authority:
    """Make an authority.

    Parameters
    ----------
    name : str
        For people who look at certificates; nothing depends on it.
    now : float
        Seconds since 1970.
    rng : Randomness

    Returns
    -------
    Authority
        Valid for ten years, and allowed to sign leaves only.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> certificate = make_authority("Ada", 1.7e9, SystemRandomness()).certificate
    >>> certificate.subject.rfc4514_string()
    'CN=Ada'
    >>> round((certificate.not_valid_after_utc.timestamp() - 1.7e9) / 86_400)
    3650
    """
    key = _key(rng)
    subject = _name(name)
    usage = _usage(signs=True)
    builder = _builder(subject, subject, key, now, AUTHORITY_DAYS, rng)
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(identity, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def issue_leaf(
    authority: Authority,
    addresses: Sequence[str],
    now: float,
    rng: Randomness,
    days: int = LEAF_DAYS,
) -> Secret:
    """Make a leaf for a party's listeners and for itself as a client of its peers.

    Parameters
    ----------
    authority : Authority
    addresses : sequence of str
        ``host:port``; names and numeric addresses both become alternative names.
    now : float
        Seconds since 1970.
    rng : Randomness
    days : int, >= 1

    Returns
    -------
    Secret
        PEM: private key, then certificate, in one file, so that it is replaced at once.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng = SystemRandomness()
    >>> authority = make_authority("Ada", 1.7e9, rng)
    >>> leaf = issue_leaf(authority, ["a.example:443", "a.example:444"], 1.7e9, rng)
    >>> certificate = x509.load_pem_x509_certificate(leaf)
    >>> certificate.verify_directly_issued_by(authority.certificate)
    >>> names = certificate.extensions.get_extension_for_class(
    ...     x509.SubjectAlternativeName
    ... )
    >>> names.value.get_values_for_type(x509.DNSName)
    ['a.example']
    """
    key = _key(rng)
    hosts = list(dict.fromkeys(split_address(address)[0] for address in addresses))
    issuer = authority.certificate.subject
    builder = _builder(_name("leaf"), issuer, key, now, days, rng)
    for extension, critical in _leaf_extensions(hosts, authority):
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(authority.key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return Secret(_pem(key) + pem)


def save_leaf(path: Path, leaf: Secret) -> None:
    """Put a leaf in the place of another; a server takes it at its next start.

    Parameters
    ----------
    path : Path
    leaf : Secret

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "leaf.pem")
    ...     save_leaf(path, Secret(b"old"))
    ...     save_leaf(path, Secret(b"new"))
    ...     path.read_bytes(), oct(path.stat().st_mode & 0o777)
    (b'new', '0o600')
    """
    write_private(path, leaf)


def save_authority(path: Path, authority: Authority) -> None:
    """Save an authority; keep it away from the server, it is needed for leaves only.

    Parameters
    ----------
    path : Path
    authority : Authority

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> authority = make_authority("Ada", 1.7e9, SystemRandomness())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_authority(Path(folder, "authority.pem"), authority)
    ...     load_authority(Path(folder, "authority.pem")).anchor == authority.anchor
    True
    """
    pem = authority.certificate.public_bytes(serialization.Encoding.PEM)
    write_private(path, _pem(authority.key) + pem)


def load_authority(path: Path) -> Authority:
    """Read an authority.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Authority

    Raises
    ------
    EncodingError
        If the file holds no key and certificate on P-256.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "authority.pem")
    ...     save_leaf(path, Secret(b"no authority"))
    ...     load_authority(path)
    Traceback (most recent call last):
    private_presence.errors.EncodingError: expected a P-256 key and its ...
    """
    data = path.read_bytes()
    try:
        certificate = x509.load_pem_x509_certificate(data)
        key = serialization.load_pem_private_key(data, None)
    except ValueError:
        key = certificate = None
    if certificate is None or not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EncodingError(
            f"expected a P-256 key and its certificate in {path.name}; got something "
            "else: restore the file from the operator's backup"
        )
    return Authority(certificate, key)


def expires(path: Path) -> float:
    """Say when a leaf ends.

    Parameters
    ----------
    path : Path

    Returns
    -------
    float
        Seconds since 1970.

    Raises
    ------
    EncodingError
        If there is no certificate in the file.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng = SystemRandomness()
    >>> authority = make_authority("Ada", 1.7e9, rng)
    >>> leaf = issue_leaf(authority, ["a.example:443"], 1.7e9, rng, days=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_leaf(Path(folder, "leaf.pem"), leaf)
    ...     (expires(Path(folder, "leaf.pem")) - 1.7e9) / 86_400
    2.0
    """
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise EncodingError(
            f"expected a certificate in {path.name}; got none: run presence operator "
            "rotate-tls"
        ) from None
    return certificate.not_valid_after_utc.timestamp()


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all.

    Parameters
    ----------
    path : Path
    data : bytes
    """
    files = Files()
    fresh = path.with_name(f"{path.name}.new.{os.getpid()}")
    handle = files.create(fresh)
    try:
        files.write(handle, data)
        files.sync(handle)
    finally:
        files.close(handle)
    files.rename(fresh, path)
    files.sync_folder(path.parent)


def _key(rng: Randomness) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1 + below(rng, ORDER - 1), ec.SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: float,
    days: int,
    rng: Randomness,
) -> x509.CertificateBuilder:
    start = datetime.fromtimestamp(now, UTC) - EARLY
    serial = int.from_bytes(rng.draw(16), "big") >> 1 or 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + EARLY + timedelta(days=days))
    )


def _leaf_extensions(
    hosts: Sequence[str], authority: Authority
) -> list[tuple[x509.ExtensionType, bool]]:
    signer = authority.key.public_key()
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
    return [
        (x509.BasicConstraints(False, None), True),
        (_usage(signs=False), True),
        (x509.ExtendedKeyUsage(both), False),
        (names, False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False),
    ]


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    # Of an authority: signing certificates; of a leaf: signing handshakes.
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
