"""The life of one table, step by step (F9, F10).

Each step looks at what is stored, does what is missing, and stores it before anybody
is told.  A registrar that is killed at any point and started again takes the same
steps with the same bytes: what a server may have seen is never computed anew.
"""

import asyncio
from dataclasses import replace
from hashlib import sha256

from private_presence.errors import VerificationError
from private_presence.primitives.secret import equal
from private_presence.protocol.config import encode_config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.lookup_server import (
    Opening,
    decode_opening,
    sign_raw,
    verify_commitment,
    verify_opening,
)
from private_presence.protocol.machine import INTAKE, advance
from private_presence.protocol.manifest import (
    Manifest,
    encode_manifest,
    manifest_hash,
    mix_salt,
    sign_manifest,
    verify_manifest,
)
from private_presence.protocol.messages import value_size
from private_presence.protocol.signed import encode_signed
from private_presence.server.registrar.keys import public_keys
from private_presence.server.registrar.means import Means, ask_all, log
from private_presence.server.registrar.work import Layout, lay_out
from private_presence.server.storage import TableState

__all__ = [
    "build",
    "collect_commitments",
    "collect_openings",
    "countersign",
    "freeze",
    "hand_over",
    "save",
]

RAW_SHARE = 1 / 3  # of an epoch, for handing over a raw file


async def save(means: Means, state: TableState, point: str) -> TableState:
    """Store a state; the tests' places to be killed are before and after it.

    Parameters
    ----------
    means : Means
    state : TableState
    point : str
        Name of what was reached.

    Returns
    -------
    TableState
        The same.
    """
    means.storage.at(f"before {point}")
    await asyncio.to_thread(means.storage.save, state)
    means.storage.at(f"after {point}")
    means.metrics.state(Kind(state.kind), state.epoch, state.phase.upper())
    return state


async def collect_commitments(means: Means, state: TableState) -> TableState:
    """Get every server's commitment, before the records are frozen.

    Until then it may be repeated, and is: a server that lost its folder meanwhile has
    made another one, and would never open the first.  No part of the salt is known
    before a server has R's signature over the frozen records (F9).

    Parameters
    ----------
    means : Means
    state : TableState

    Returns
    -------
    TableState
        The same if nothing changed, or once it is frozen.
    """
    if state.phase != "open":
        return state
    kind, epoch = Kind(state.kind), state.epoch

    async def ask(server: int) -> bytes:
        data = await means.peers.commitment(server, kind, epoch)
        verify_commitment(data, means.config, kind, epoch, server)
        return data

    collected = tuple(await ask_all(means, kind, epoch, ask))
    if collected == state.commitments:
        return state
    if state.commitments:
        log.warning("%s %d: a server committed anew", kind.name, epoch)
    return await save(means, replace(state, commitments=collected), "commitments")


async def freeze(means: Means, state: TableState) -> TableState:
    """Close the table and fix its raw file, once its window has closed.

    Parameters
    ----------
    means : Means
    state : TableState

    Returns
    -------
    TableState
    """
    kind, epoch = Kind(state.kind), state.epoch
    await means.close(kind, epoch)
    means.frozen_at.setdefault((kind, epoch), means.clock.now())
    if state.phase == "open":
        raw_hash, count = await asyncio.to_thread(means.storage.write_raw, kind, epoch)
        about = (kind, epoch, raw_hash, means.keys.signing, means.rng)
        frozen = replace(
            state,
            phase=advance(INTAKE, state.phase, "freeze"),
            raw_hash=raw_hash,
            raw_signature=sign_raw(means.config, *about),
            count=count,
        )
        state = await save(means, frozen, "frozen")
    await asyncio.to_thread(means.storage.drop_records, kind, epoch)
    means.metrics.records(kind, epoch, state.count)
    return state


async def collect_openings(means: Means, state: TableState) -> TableState:
    """Hand the raw file to every server and get its part of the salt for it.

    Parameters
    ----------
    means : Means
    state : TableState
        Frozen.

    Returns
    -------
    TableState
    """
    if state.openings:
        return state
    kind, epoch = Kind(state.kind), state.epoch
    raw, signature = means.storage.raw_file(kind, epoch), state.raw_signature

    async def push(server: int) -> None:
        await means.peers.push_raw(server, kind, epoch, signature, raw)

    async def ask(server: int) -> bytes:
        data = await means.peers.opening(server, kind, epoch, state.raw_hash)
        _check_opening(means, state, server, decode_opening(data))
        return data

    # Each opens when it has the file, which takes a time that depends on its size.
    await ask_all(means, kind, epoch, push, RAW_SHARE)
    means.storage.at("after raw pushed")
    openings = tuple(await ask_all(means, kind, epoch, ask))
    return await save(means, replace(state, openings=openings), "openings")


def _check_opening(
    means: Means, state: TableState, server: int, opening: Opening
) -> None:
    verify_opening(opening, means.config, Kind(state.kind), state.epoch, server)
    committed = state.commitments[server][:32]
    fits = equal(sha256(opening.part).digest(), committed)
    if not (fits and equal(opening.raw_hash, state.raw_hash)):
        raise VerificationError(
            "an opening fits another commitment or another raw file: ask its operator"
        )


async def build(
    means: Means, state: TableState, previous: bytes
) -> tuple[TableState, Layout | None]:
    """Lay out the table and write its one manifest.

    Parameters
    ----------
    means : Means
    state : TableState
        With all openings.
    previous : bytes, 32
        Hash of the last manifest of this kind; zeros for the first.

    Returns
    -------
    state : TableState
    layout : Layout or None
        None if it was built before.
    """
    if state.manifest:
        return state, None
    kind, epoch, config = Kind(state.kind), state.epoch, means.config
    parts = tuple(data[:32] for data in state.openings)
    salt = mix_salt(config.dep_id, kind, epoch, state.raw_hash, parts)
    raw = means.storage.raw_file(kind, epoch)
    layout = await means.workers.run(
        lay_out, encode_config(config), kind, epoch, raw, salt
    )
    encoded = encode_manifest(_manifest(means, state, previous, salt, layout.manifest))
    built = replace(
        state,
        phase=advance(INTAKE, state.phase, "build"),
        manifest=encoded,
        manifest_hash=manifest_hash(encoded),
    )
    return await save(means, built, "built"), layout


def _manifest(
    means: Means, state: TableState, previous: bytes, salt: bytes, layout: bytes
) -> Manifest:
    kind, config = Kind(state.kind), means.config
    next_day = state.epoch + 1
    keys = public_keys(means.keys.issuer_root, config, next_day)
    return Manifest(
        dep_id=config.dep_id,
        kind=int(kind),
        epoch=state.epoch,
        count=state.count,
        value_size=value_size(config, kind),
        raw_hash=state.raw_hash,
        previous=previous,
        commitments=tuple(data[:32] for data in state.commitments),
        openings=tuple(data[:32] for data in state.openings),
        salt=salt,
        token_keys=keys if kind is Kind.LT else (),
        layout=layout,
    )


async def countersign(means: Means, state: TableState) -> TableState:
    """Get every server's signature; the table is then published.

    Parameters
    ----------
    means : Means
    state : TableState
        Built.

    Returns
    -------
    TableState
    """
    if state.signed:
        return state
    kind, epoch = Kind(state.kind), state.epoch

    own = sign_manifest(state.manifest, means.keys.signing, means.rng)

    async def ask(server: int) -> bytes:
        return await means.peers.countersign(server, kind, epoch, own, state.manifest)

    others = await ask_all(means, kind, epoch, ask)
    signed = encode_signed(state.manifest, [own, *others])
    verify_manifest(signed, means.config, kind, epoch, None)
    phase = advance(INTAKE, state.phase, "publish")
    return await save(means, replace(state, phase=phase, signed=signed), "published")


async def hand_over(means: Means, state: TableState) -> None:
    """Give the signed manifest to every server, which then serves the table.

    Parameters
    ----------
    means : Means
    state : TableState
        Published.
    """
    kind, epoch = Kind(state.kind), state.epoch

    async def give(server: int) -> None:
        await means.peers.publish(server, kind, epoch, state.signed)

    await ask_all(means, kind, epoch, give)
    means.storage.at("after handed over")
