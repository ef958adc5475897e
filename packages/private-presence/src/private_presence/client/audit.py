"""Audit batches: queries for nothing, which may be shown, and what they prove (F14).

A server cannot tell an audit batch from another.  Because it asks for nothing, showing
all of it harms nobody: whoever has the published records computes what the server
should have answered.
"""

from collections.abc import Sequence

from private_presence.errors import EncodingError, PresenceError
from private_presence.pir import load_kernel
from private_presence.pir.table import TableId
from private_presence.primitives import cbor
from private_presence.primitives.secret import equal
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import (
    Manifest,
    encode_manifest,
    manifest_hash,
)
from private_presence.server.signed_answer import Asked, open_answer

__all__ = ["audit_evidence", "judge_audit", "read_evidence"]

MAX_EVIDENCE = 4 << 20


def audit_evidence(asked: Sequence[Asked], signed: Sequence[bytes]) -> bytes:
    """Write down an audit batch: what was asked, and the signed answers.

    Parameters
    ----------
    asked : sequence of Asked
    signed : sequence of bytes
        As they came; empty for a server whose answer was no signed one.

    Returns
    -------
    bytes
        Without tokens.

    Examples
    --------
    One server answered, the other did not:

    >>> asked = [Asked(Kind.ST, 28_805, i, bytes(32), b"query") for i in (0, 1)]
    >>> data = audit_evidence(asked, [b"signed answer", b""])
    >>> [(a.server, answer) for a, answer in read_evidence(data)]
    [(0, b'signed answer'), (1, b'')]
    """
    rows: list[cbor.Value] = [
        [int(a.kind), a.epoch, a.server, a.manifest_hash, a.query, answer]
        for a, answer in zip(asked, signed, strict=True)
    ]
    return cbor.encode([1, rows])


def read_evidence(data: bytes) -> list[tuple[Asked, bytes]]:
    """Read an audit batch.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    list of (Asked, bytes)

    Raises
    ------
    EncodingError
        If it has another form.

    Examples
    --------
    >>> asked = Asked(Kind.ST, 28_805, 0, bytes(32), b"query")
    >>> read_evidence(audit_evidence([asked], [b"answer"])) == [(asked, b"answer")]
    True
    >>> read_evidence(cbor.encode([1]))
    Traceback (most recent call last):
    private_presence.errors.EncodingError: expected an audit batch of version 1; ...
    """
    match cbor.decode(data, MAX_EVIDENCE):
        case [1, list(rows)]:
            return [_row(row) for row in rows]
    raise EncodingError("expected an audit batch of version 1; got something else")


def _row(row: object) -> tuple[Asked, bytes]:
    match row:
        case [int(kind), int(t), int(i), bytes(digest), bytes(query), bytes(answer)]:
            if kind in list(Kind):
                return Asked(Kind(kind), t, i, digest, query), answer
    raise EncodingError("expected what one server was asked; got something else")


def judge_audit(
    config: Config, manifest: Manifest, raw: bytes, data: bytes
) -> list[str]:
    """Decide, as a third party, which servers answered wrongly.

    Parameters
    ----------
    config : Config
    manifest : Manifest
        Of the table, verified.
    raw : bytes
        The published records; they must be those of the manifest.
    data : bytes
        From `audit_evidence`.

    Returns
    -------
    list of str
        One word for each server: "right", "wrong", or "unsigned", which proves nothing.

    Raises
    ------
    EncodingError
        If the batch is of another table or of servers that there are not.

    Examples
    --------
    Server 0 answers what the records give, server 1 something else:

    >>> import os
    >>> from private_presence.pir.records import Records
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.signed_answer import seal_answer
    >>> key, rng = signing_key(bytes(range(64))), SystemRandomness()
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> backend, records = backend_of(config), Records.from_bytes(b"", value_size=128)
    >>> table = TableId(config.dep_id, Kind.ST, 28_805)
    >>> built = backend.encode(records, table, bytes(32))
    >>> about = (config.dep_id, Kind.ST, 28_805, 0, 128, bytes(32), bytes(32))
    >>> manifest = Manifest(*about, (), (), bytes(32), (), built.manifest)
    >>> digest = manifest_hash(encode_manifest(manifest))
    >>> bodies = backend.query(built.manifest, [], os.urandom).bodies
    >>> asked = [
    ...     Asked(Kind.ST, 28_805, i, digest, body) for i, body in enumerate(bodies)
    ... ]
    >>> kernel = load_kernel("numpy")
    >>> right = backend.server(built, 0, kernel).answer([bodies[0]])[0]
    >>> wrong = bytes(len(right))
    >>> signed = [
    ...     seal_answer(config, a, answer, key, rng)
    ...     for a, answer in zip(asked, (right, wrong), strict=True)
    ... ]
    >>> judge_audit(config, manifest, b"", audit_evidence(asked, signed))
    ['right', 'wrong']
    """
    table = TableId(config.dep_id, manifest.kind, manifest.epoch)
    backend = backend_of(config)
    built = backend.rebuild(raw, table, manifest.salt, manifest.layout)
    digest, kernel = manifest_hash(encode_manifest(manifest)), load_kernel("numpy")
    size, words = backend.sizes(manifest.layout).answer, []
    for asked, signed in read_evidence(data):
        here = (int(asked.kind), asked.epoch) == (manifest.kind, manifest.epoch)
        if not (here and equal(asked.manifest_hash, digest)):
            raise EncodingError("an audit batch is of another table than the manifest")
        if asked.server >= len(config.servers):
            raise EncodingError("an audit batch names a server that there is not")
        try:
            answer = open_answer(config, asked, signed, size)
        except PresenceError:
            words.append("unsigned")
            continue
        server = backend.server(built, asked.server, kernel)
        right = equal(server.answer([asked.query])[0], answer)
        words.append("right" if right else "wrong")
    return words
