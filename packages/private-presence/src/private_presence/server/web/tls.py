"""TLS as this service uses it: version 1.3, one anchor, nothing resumed.

Resumption would link connections that tokens unlink (F11), so no side keeps tickets.
"""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

__all__ = ["client_context", "pem_of", "server_context"]


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
    """
    certificates = [x509.load_der_x509_certificate(anchor) for anchor in anchors]
    return b"".join(c.public_bytes(Encoding.PEM) for c in certificates)


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET
    # Every extension and key usage as RFC 5280 says; Python 3.13 has it by default.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
