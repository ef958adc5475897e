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
        If the batch is of another table.
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
        try:
            answer = open_answer(config, asked, signed, size)
        except PresenceError:
            words.append("unsigned")
            continue
        server = backend.server(built, asked.server, kernel)
        right = equal(server.answer([asked.query])[0], answer)
        words.append("right" if right else "wrong")
    return words
