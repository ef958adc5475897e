"""F9, F10, F18: the promises of lookup servers, and what makes them refuse."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from private_presence.errors import InputError, PeerError, ReplayError, StateError
from private_presence.protocol import lookup_server as ls
from private_presence.protocol import manifest as mf
from private_presence.protocol.epochs import Kind, epoch_at, start_of
from private_presence.protocol.tests.world import REGISTRAR, SERVERS
from private_presence.server.lookup.shelf import TableKey

from .world import LT, ST, Bed, running, some_records


@pytest.mark.parametrize("servers", [2, 3])
def test_a_table_is_published_by_everybody_and_every_step_may_be_repeated(
    tmp_path, servers
):
    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 20)
        await bed.registrar.publish(ST, raw)
        calls = dict(bed.peers.calls)
        manifest = await bed.registrar.publish(ST, raw)
        assert manifest.count == 20
        for i in range(servers):
            status, signed = await bed.ask(i, "GET", f"/v1/manifest/st/{ST.epoch}")
            assert status == 200
            assert mf.verify_manifest(signed, bed.config, *ST, bytes(32)) == manifest
            assert calls[i, "commitment"] == servers  # R once, each other server once
            status, path = await bed.ask(i, "GET", f"/v1/raw/st/{ST.epoch}")
            assert (status, path.read_bytes()) == (200, raw)

    running(tmp_path, test, servers=servers)


def test_the_same_commitment_and_opening_after_a_restart(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 3)
        first = await bed.peers.commitment(0, *ST)
        await bed.registrar.push(ST, raw, 0)
        opened = await bed.peers.opening(0, *ST, sha256(raw).digest())
        await bed.restart(0)
        assert await bed.peers.commitment(0, *ST) == first
        assert await bed.peers.opening(0, *ST, sha256(raw).digest()) == opened

    running(tmp_path, test)


def test_nothing_is_opened_before_the_raw_file_and_all_commitments(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 3)
        await bed.peers.commitment(0, *ST)
        with pytest.raises(PeerError, match="404"):
            await bed.peers.opening(0, *ST, sha256(raw).digest())
        await bed.registrar.push(ST, raw, 0)
        bed.peers.away.add(1)
        with pytest.raises(PeerError, match="503"):
            await bed.peers.opening(0, *ST, sha256(raw).digest())
        bed.peers.away.clear()
        assert len(await bed.peers.opening(0, *ST, sha256(raw).digest())) == 128

    running(tmp_path, test)


def test_a_second_raw_file_is_refused_and_both_signatures_are_kept(tmp_path):
    async def test(bed):
        one, two = (some_records(bed.config, Kind.ST, n) for n in (3, 4))
        await bed.registrar.push(ST, one, 0)
        with pytest.raises(ReplayError):
            await bed.registrar.push(ST, two, 0)
        with pytest.raises(ReplayError):
            await bed.peers.opening(0, *ST, sha256(two).digest())
        (proof,) = (tmp_path / "server 0" / "evidence").iterdir()
        data = proof.read_bytes()
        for at, raw in ((0, one), (96, two)):
            digest, signature = data[at : at + 32], data[at + 32 : at + 96]
            assert digest == sha256(raw).digest()
            ls.verify_raw(bed.config, *ST, digest, signature)
        await bed.registrar.publish(ST, one)  # the first one is served all the same

    running(tmp_path, test)


def test_a_raw_file_without_rs_signature_is_refused(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 3)
        for bad in (bytes(64) + raw, raw, b""):
            with pytest.raises(InputError):
                await bed.peers.ask(0, "POST", "raw", *ST, bad)
        unsorted = raw[-144:] + raw[:-144]
        with pytest.raises(InputError):
            await bed.registrar.push(ST, unsorted, 0)
        await bed.registrar.push(ST, raw, 0)

    running(tmp_path, test)


LIES = [
    {"count": 4},
    {"value_size": 127},
    {"layout": b"other"},
    {"previous": bytes(31) + b"\1"},
    {"salt": bytes(32)},
    {"raw_hash": bytes(32)},
    {"dep_id": bytes(16)},
    {"epoch": ST.epoch + 1},
    {"openings": (bytes(32), bytes(32))},
]


def test_a_manifest_that_is_not_the_tables_is_not_signed(tmp_path):
    async def test(bed):
        await bed.registrar.publish(TableKey(Kind.ST, ST.epoch - 1), b"")
        raw = some_records(bed.config, Kind.ST, 3)
        good = await bed.registrar.manifest(ST, raw)
        keys = bed.registrar.token_keys(7)  # not in a short table
        for change in [*LIES, {"token_keys": keys}]:
            bad = mf.encode_manifest(replace(good, **change))
            with pytest.raises((InputError, ReplayError, PeerError)):
                await bed.peers.countersign(0, *ST, bad)
            assert await bed.peers.manifest_hash(0, *ST) == b"", change
        await bed.registrar.publish(ST, raw)

    running(tmp_path, test)


def test_another_salt_by_a_server_that_committed_twice_is_refused(tmp_path):
    """P_1 tells R another part than it told P_0: P_0 must not sign."""

    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 3)
        good = await bed.registrar.manifest(ST, raw)
        parts = (good.openings[0], bytes(32))
        told = (good.commitments[0], sha256(bytes(32)).digest())
        bad = bed.registrar.make(ST, raw, told, parts)
        with pytest.raises(ReplayError):
            await bed.peers.countersign(0, *ST, mf.encode_manifest(bad))
        (proof,) = (tmp_path / "server 0" / "evidence").iterdir()
        signed = proof.read_bytes()[96:192]  # what P_1 had told P_0
        honest = ls.verify_commitment(signed, bed.config, *ST, 1)
        assert honest != told[1]

    running(tmp_path, test)


def test_a_second_manifest_is_refused_even_after_a_restart(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.LT, 3)
        good = await bed.registrar.manifest(LT, raw)
        first = await bed.peers.countersign(0, *LT, mf.encode_manifest(good))
        other = replace(good, token_keys=bed.registrar.token_keys(7))
        await bed.restart(0)
        with pytest.raises(ReplayError):
            await bed.peers.countersign(0, *LT, mf.encode_manifest(other))
        assert await bed.peers.countersign(0, *LT, mf.encode_manifest(good)) == first
        assert (tmp_path / "server 0" / "evidence").iterdir()

    running(tmp_path, test)


def test_servers_that_signed_different_manifests_serve_neither(tmp_path):
    """R and P_1 collude: P_1 signs what P_0 did not, P_0 sees it before serving."""

    async def test(bed):
        raw = some_records(bed.config, Kind.LT, 3)
        good = await bed.registrar.manifest(LT, raw)
        signed = await bed.registrar.sign(LT, good)

        async def lies(server, kind, epoch):
            return bytes(32)

        bed.peers.manifest_hash = lies
        with pytest.raises(ReplayError):
            await bed.peers.publish(0, *LT, signed)
        assert (await bed.ask(0, "GET", f"/v1/manifest/lt/{LT.epoch}"))[0] == 404
        (proof,) = (tmp_path / "server 0" / "evidence").iterdir()
        assert "split-1" in proof.name

    running(tmp_path, test)


def test_publishing_goes_on_while_another_server_is_away(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 3)
        signed = await bed.registrar.sign(ST, await bed.registrar.manifest(ST, raw))
        asked = bed.peers.manifest_hash

        async def away(server, kind, epoch):
            raise PeerError("away")

        bed.peers.manifest_hash = away
        await bed.peers.publish(0, *ST, signed)
        bed.peers.manifest_hash = asked
        assert (await bed.ask(0, "GET", f"/v1/manifest/st/{ST.epoch}"))[0] == 200

    running(tmp_path, test)


def test_no_two_manifests_with_one_predecessor_are_published(tmp_path):
    async def test(bed):
        await bed.clock.advance(25)
        after = TableKey(Kind.ST, ST.epoch + 1)
        raw = some_records(bed.config, Kind.ST, 3)
        fork = await bed.registrar.manifest(ST, raw)
        signed = await bed.registrar.sign(ST, fork)  # signed, kept back
        await bed.registrar.publish(after, raw)
        with pytest.raises(ReplayError):
            await bed.peers.publish(0, *ST, signed)

    running(tmp_path, test)


def test_a_publication_that_one_server_missed_does_not_break_its_chain(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 3)
        await bed.clock.advance(25)
        manifest = await bed.registrar.manifest(ST, raw)
        signed = await bed.registrar.sign(ST, manifest)
        await bed.peers.publish(1, *ST, signed)  # the push to server 0 is lost
        encoded = mf.encode_manifest(manifest)
        bed.registrar.previous[Kind.ST] = mf.manifest_hash(encoded)
        await bed.registrar.publish(TableKey(Kind.ST, ST.epoch + 1), raw)
        await bed.peers.publish(0, *ST, signed)  # late, but on the line

    running(tmp_path, test)


@pytest.mark.parametrize("offset", [-2, 2])
def test_f18_no_promise_two_epochs_from_the_own_clock(tmp_path, offset):
    async def test(bed):
        far = TableKey(Kind.ST, ST.epoch - 1 + offset)
        with pytest.raises(PeerError, match="404"):
            await bed.peers.commitment(0, *far)
        for near in (0, 1):
            await bed.peers.commitment(0, Kind.ST, ST.epoch - 1 + near)

    running(tmp_path, test)


def test_a_long_table_is_promised_late_and_a_short_one_that_is_over_is_not(tmp_path):
    async def test(bed):
        await bed.clock.advance(bed.config.lt_ms / 1000)
        short = epoch_at(bed.config, Kind.ST, bed.clock.now()) - 1
        long = epoch_at(bed.config, Kind.LT, bed.clock.now()) - 1
        await bed.peers.commitment(0, Kind.LT, long)
        with pytest.raises(PeerError, match="404"):
            await bed.peers.commitment(0, Kind.ST, short)

    running(tmp_path, test)


def test_tables_are_retired_and_not_promised_again_if_the_clock_goes_back(tmp_path):
    async def test(bed):
        server, folder = bed.servers[0], tmp_path / "server 0" / "tables"
        await bed.registrar.publish(ST, b"")
        await bed.registrar.publish(TableKey(Kind.LT, LT.epoch), b"")
        stop = asyncio.Event()
        task = asyncio.create_task(server.run(stop))
        await _until(lambda: server.ready)
        await bed.clock.advance(20 + 2 * bed.config.st_ms / 1000 - 1)
        assert (await bed.ask(0, "GET", f"/v1/manifest/st/{ST.epoch}"))[0] == 200
        await bed.clock.advance(2)
        await _until(lambda: ST not in server._tables.live)  # files go before it
        assert not (folder / f"{ST.word}.kept").exists()
        assert (await bed.ask(0, "GET", f"/v1/manifest/st/{ST.epoch}"))[0] == 404
        assert (await bed.ask(0, "GET", f"/v1/manifest/lt/{LT.epoch}"))[0] == 200
        bed.clock._now = start_of(bed.config, *ST)
        with pytest.raises(PeerError, match="404"):
            await bed.peers.commitment(0, *ST)
        stop.set()
        await task

    running(tmp_path, test)


async def _until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen within ten seconds")


def test_a_server_starts_only_with_its_own_key_and_folder(tmp_path):
    async def test(bed):
        bed.keys[0] = REGISTRAR
        with pytest.raises(InputError, match="names for server 0"):
            bed.start(0)
        bed.keys[0] = SERVERS[0]
        with pytest.raises(StateError, match="another process"):
            bed.start(0)

    running(tmp_path, test)


def test_an_unknown_kernel_is_refused_at_the_start(tmp_path):
    async def test(bed):
        await bed.servers[0].close()
        with pytest.raises(InputError, match="kernel"):
            Bed(tmp_path, kernel="abacus")

    running(tmp_path, test)
