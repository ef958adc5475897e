"""Servers among themselves: mutual TLS, sizes, refusals and absence told apart."""

import asyncio
import ssl

import httpx
import pytest

from private_presence.errors import ConflictError, PeerError
from private_presence.protocol.directory import Party
from private_presence.protocol.epochs import Kind
from private_presence.server.service import Reply
from private_presence.server.web.https_peers import HttpsPeers

from .places import PEERS, Echo, client, free_port, make_party, serving


def with_peers(tmp_path, use, leaf_of="friend", known=("friend",)):
    """Run `use(peers, party)`; the server believes the authorities of `known`."""
    parties = {name: make_party(tmp_path, name, 1) for name in {*known, leaf_of}}
    anchors = tuple(parties[name].authority.anchor for name in known)

    async def run():
        async with serving(tmp_path, Echo(), PEERS, anchors) as party:
            place = f"127.0.0.1:{party.port}"
            server = Party(place, place, party.authority.anchor)
            peers = HttpsPeers([server], parties[leaf_of].leaf, 5.0)
            return await use(peers, party)

    return asyncio.run(run())


def test_every_call_arrives_and_its_answer_is_measured(tmp_path):
    raw = tmp_path / "raw"
    raw.write_bytes(b"r" * 50_000)

    async def use(peers, party):
        sizes = [
            len(await peers.commitment(0, Kind.LT, 1)),
            len(await peers.opening(0, Kind.LT, 1, bytes(32))),
            len(await peers.countersign(0, Kind.LT, 1, bytes(64), b"manifest")),
            len(await peers.manifest_hash(0, Kind.LT, 1)),
            len(await peers.manifest_hash(0, Kind.LT, 2)),
            len(await peers.newest(0, Kind.LT)),
        ]
        await peers.push_raw(0, Kind.ST, 1, bytes(64), raw)
        await peers.publish(0, Kind.ST, 1, b"signed")
        return sizes, party.service.bodies[-2:]

    sizes, bodies = with_peers(tmp_path, use)
    assert sizes == [96, 128, 64, 32, 0, 0]
    assert bodies == [bytes(64) + raw.read_bytes(), b"signed"]


def test_a_conflict_is_a_refusal_and_other_failures_are_worth_a_retry(tmp_path):
    async def use(peers, _):
        with pytest.raises(ConflictError, match="409"):
            await peers.countersign(0, Kind.LT, 409, bytes(64), b"manifest")
        with pytest.raises(PeerError, match="500"):
            await peers.countersign(0, Kind.LT, 500, bytes(64), b"manifest")
        with pytest.raises(PeerError, match="404"):
            await peers.countersign(0, Kind.LT, 404, bytes(64), b"manifest")

    with_peers(tmp_path, use)


def test_an_answer_of_another_size_is_not_taken(tmp_path):
    async def use(peers, party):
        party.service.peer = lambda match, body: Reply(200, b"a" * 97)
        with pytest.raises(PeerError, match="got status 200 and 97"):
            await peers.commitment(0, Kind.LT, 1)

    with_peers(tmp_path, use)


def test_a_certificate_of_another_authority_is_no_peer(tmp_path):
    async def use(peers, party):
        with pytest.raises(PeerError, match="did not answer"):
            await peers.commitment(0, Kind.LT, 1)
        assert party.service.bodies == []

    with_peers(tmp_path, use, leaf_of="stranger", known=("friend",))


def test_without_a_certificate_nobody_is_answered(tmp_path):
    async def use(peers, party):
        # The alert may come while something is read: then httpx lets it through as it is.
        with pytest.raises((httpx.HTTPError, ssl.SSLError)):
            async with client(party) as sender:
                await sender.get("/v1/peer/commitment/lt/1")
        assert party.service.bodies == []

    with_peers(tmp_path, use)


def test_a_server_that_is_away_is_a_peer_error(tmp_path):
    friend = make_party(tmp_path, "friend", 1)
    place = f"127.0.0.1:{free_port()}"
    peers = HttpsPeers([Party(place, place, friend.authority.anchor)], friend.leaf)
    with pytest.raises(PeerError, match="did not answer"):
        asyncio.run(peers.commitment(0, Kind.LT, 1))


def test_a_renewed_leaf_is_used_at_once(tmp_path):
    async def use(peers, _):
        first = await peers.commitment(0, Kind.LT, 1)
        make_party(tmp_path, "friend", 2)  # same authority, another leaf in its place
        return first, await peers.commitment(0, Kind.LT, 1)

    first, second = with_peers(tmp_path, use)
    assert first == second
