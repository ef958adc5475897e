"""TLS as this service uses it: version 1.3, one anchor, nothing resumed.

Resumption would link connections that tokens unlink (F11), so no side keeps tickets.
"""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

__all__ = ["client_context", "pem_of", "server_context", "what_failed"]

OUT_OF_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED


def client_context(anchor: bytes, leaf: Path | None = None) -> ssl.SSLContext:
    """Make the context in which to connect to one party.

    Parameters
    ----------
    anchor : bytes
        DER of the party's authority, from the directory: the only one believed.
    leaf : Path, optional
        Key and certificate of a server that connects to a peer.

    Returns
    -------
    ssl.SSLContext
        A fresh one for each connection shares no session with any other.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.web.authority import make_authority
    >>> authority = make_authority("Ada", 1.7e9, SystemRandomness())
    >>> context = client_context(authority.anchor)
    >>> context.get_ca_certs(binary_form=True) == [authority.anchor]
    True
    >>> context.minimum_version.name, context.check_hostname
    ('TLSv1_3', True)
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=anchor)
    _harden(context)
    if leaf is not None:
        context.load_cert_chain(leaf)
    return context


def server_context(leaf: Path) -> ssl.SSLContext:
    """Make the context of a listener in Python: the relay's.

    Parameters
    ----------
    leaf : Path
        Key and certificate.

    Returns
    -------
    ssl.SSLContext

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.web import authority
    >>> rng = SystemRandomness()
    >>> ada = authority.make_authority("Ada", 1.7e9, rng)
    >>> leaf = authority.issue_leaf(ada, ["a.example:443"], 1.7e9, rng)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     authority.save_leaf(Path(folder, "leaf.pem"), leaf)
    ...     context = server_context(Path(folder, "leaf.pem"))
    >>> context.minimum_version.name, context.num_tickets
    ('TLSv1_3', 0)
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf)
    _harden(context)
    context.num_tickets = 0
    return context


def pem_of(anchors: tuple[bytes, ...]) -> bytes:
    """Write anchors the way a listener reads them.

    Parameters
    ----------
    anchors : tuple of bytes
        DER.

    Returns
    -------
    bytes
        PEM of all.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.web.authority import make_authority
    >>> anchors = [
    ...     make_authority(name, 1.7e9, SystemRandomness()).anchor
    ...     for name in ("Ada", "Bob")
    ... ]
    >>> pem_of(tuple(anchors)).count(b"BEGIN CERTIFICATE")
    2
    """
    certificates = [x509.load_der_x509_certificate(anchor) for anchor in anchors]
    return b"".join(c.public_bytes(Encoding.PEM) for c in certificates)


def what_failed(error: BaseException) -> str:
    """Say what became of a connection, without an address.

    Parameters
    ----------
    error : BaseException
        As a library raised it, with what led to it.

    Returns
    -------
    str
        In words if the certificate was refused, else the kind of the error.

    Examples
    --------
    >>> what_failed(ConnectionRefusedError("127.0.0.1"))
    'ConnectionRefusedError'
    >>> refused = OSError("127.0.0.1")
    >>> refused.__cause__ = ssl.SSLCertVerificationError()
    >>> refused.__cause__.verify_code = 19
    >>> what_failed(refused)
    'a certificate that is not of its authority and address in the directory'
    """
    cause: BaseException | None = error
    while cause and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return type(error).__name__
    if cause.verify_code in OUT_OF_TIME:
        return (
            "a certificate out of its time: its operator renews it, or a clock is set"
        )
    return "a certificate that is not of its authority and address in the directory"


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET
    # Every extension and key usage as RFC 5280 says; Python 3.13 has it by default.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
