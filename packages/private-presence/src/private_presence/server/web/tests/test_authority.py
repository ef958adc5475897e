"""Certificates: what is in them, who believes them, and how long."""

import socket
import ssl
import stat
import threading

import pytest
from cryptography import x509

from private_presence.errors import EncodingError
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.server.clock import SystemClock
from private_presence.server.web.authority import (
    expires,
    issue_leaf,
    load_authority,
    make_authority,
    save_authority,
    save_leaf,
)
from private_presence.server.web.tls import client_context, pem_of, server_context

NOW = SystemClock().now()
RNG = SeededRandomness("authority")


def handshake(tmp_path, leaf, trusted, name="127.0.0.1"):
    """One TLS handshake over a socket pair; raises what the client raises."""
    path = tmp_path / "leaf.pem"
    save_leaf(path, leaf)
    ours, theirs = socket.socketpair()

    def serve():
        try:
            with server_context(path).wrap_socket(theirs, server_side=True) as sock:
                sock.recv(1)
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        context = client_context(trusted.anchor)
        with context.wrap_socket(ours, server_hostname=name) as sock:
            return sock.version(), sock.getpeercert()
    finally:
        ours.close()
        thread.join()


def test_a_leaf_is_believed_under_its_own_authority_only(tmp_path):
    one, two = (make_authority(n, NOW, RNG) for n in ("one", "two"))
    leaf = issue_leaf(one, ["127.0.0.1:1", "p.example:2", "[::1]:3"], NOW, RNG)
    for name in ("127.0.0.1", "p.example", "::1"):
        version, _ = handshake(tmp_path, leaf, one, name)
        assert version == "TLSv1.3"
    for trusted, name in (
        (two, "127.0.0.1"),
        (one, "127.0.0.2"),
        (one, "else.example"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(tmp_path, leaf, trusted, name)


@pytest.mark.parametrize("shift", [-40 * 86_400, 2 * 86_400])
def test_a_leaf_outside_its_time_is_refused(tmp_path, shift):
    authority = make_authority("one", NOW - 50 * 86_400, RNG)
    leaf = issue_leaf(authority, ["127.0.0.1:1"], NOW + shift, RNG)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, leaf, authority)


def test_a_leaf_cannot_sign_another_leaf(tmp_path):
    authority = make_authority("one", NOW, RNG)
    path = tmp_path / "leaf.pem"
    save_leaf(path, issue_leaf(authority, ["127.0.0.1:1"], NOW, RNG))
    false = load_authority(path)  # a leaf's file has the form of an authority's
    leaf = issue_leaf(false, ["127.0.0.1:1"], NOW, RNG)
    chain = type(leaf)(
        bytes(leaf) + path.read_bytes().split(b"-----END PRIVATE KEY-----\n")[1]
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, chain, authority)


def test_an_authority_is_saved_for_its_owner_and_read_back(tmp_path):
    authority = make_authority("one", NOW, RNG)
    path = tmp_path / "authority.pem"
    save_authority(path, authority)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_authority(path).anchor == authority.anchor
    assert len(authority.anchor) < 500
    assert list(tmp_path.iterdir()) == [path]
    assert "key" not in repr(authority)


def test_files_that_are_no_certificates(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"not a certificate")
    with pytest.raises(EncodingError, match="restore the file"):
        load_authority(path)
    with pytest.raises(EncodingError, match="rotate-tls"):
        expires(path)


def test_a_leaf_lasts_thirty_days(tmp_path):
    path = tmp_path / "leaf"
    authority = make_authority("one", NOW, RNG)
    save_leaf(path, issue_leaf(authority, ["127.0.0.1:1"], NOW, RNG))
    assert abs(expires(path) - NOW - 30 * 86_400) < 2


def test_the_same_randomness_gives_the_same_keys_and_other_gives_others():
    keys = [
        make_authority("a", NOW, SeededRandomness(seed)).certificate.public_key()
        for seed in ("1", "1", "2")
    ]
    assert keys[0] == keys[1] != keys[2]


def test_anchors_of_all_parties_go_into_one_file():
    anchors = tuple(make_authority(str(i), NOW, RNG).anchor for i in range(3))
    assert len(x509.load_pem_x509_certificates(pem_of(anchors))) == 3


def test_nothing_is_resumed():
    context = client_context(make_authority("a", NOW, RNG).anchor)
    assert context.options & ssl.OP_NO_TICKET
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
