"""F9, F10, F18: the promises of lookup servers, and what makes them refuse."""

import asyncio
import shutil
from dataclasses import replace
from hashlib import sha256

import pytest

from private_presence.errors import (
    CapacityError,
    InputError,
    PeerError,
    ReplayError,
    StateError,
)
from private_presence.primitives import cbor
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import lookup_server as ls
from private_presence.protocol import manifest as mf
from private_presence.protocol.epochs import Kind, epoch_at, start_of
from private_presence.protocol.signed import encode_signed, open_signed
from private_presence.protocol.tests.world import REGISTRAR, SERVERS
from private_presence.server.endpoints import match
from private_presence.server.lookup.limits import Limits
from private_presence.server.lookup.shelf import TableKey

from .world import LT, ST, Bed, running, some_records

SEEDED = SeededRandomness("publishing")
PUBLISHED = (f"lt/{LT.epoch - 1}", f"st/{ST.epoch}")


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


def test_a_raw_file_of_too_many_records_names_the_setting(tmp_path):
    async def test(bed):
        found = match("POST", f"/v1/peer/raw/st/{ST.epoch}")
        assert bed.servers[0].limit(found) == 64 + 2 * (16 + bed.config.st_value_size)
        raw = some_records(bed.config, Kind.ST, 3)
        digest = sha256(raw).digest()
        signature = ls.sign_raw(bed.config, *ST, digest, REGISTRAR, SEEDED)
        with pytest.raises(CapacityError, match="raise `records` in the settings"):
            await bed.servers[0]._promises.take_raw(ST, signature + raw)
        await bed.registrar.push(ST, some_records(bed.config, Kind.ST, 2), 0)

    running(tmp_path, test, limits=Limits(records=2))


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
            bad = replace(good, **change)
            with pytest.raises((InputError, ReplayError, PeerError)):
                await bed.registrar.ask_to_sign(0, ST, bad)
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
            await bed.registrar.ask_to_sign(0, ST, bad)
        (proof,) = (tmp_path / "server 0" / "evidence").iterdir()
        signed = proof.read_bytes()[96:192]  # what P_1 had told P_0
        honest = ls.verify_commitment(signed, bed.config, *ST, 1)
        assert honest != told[1]

    running(tmp_path, test)


def test_a_second_manifest_is_refused_even_after_a_restart(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.LT, 3)
        good = await bed.registrar.manifest(LT, raw)
        first = await bed.registrar.ask_to_sign(0, LT, good)
        other = replace(good, token_keys=bed.registrar.token_keys(7))
        await bed.restart(0)
        with pytest.raises(ReplayError):
            await bed.registrar.ask_to_sign(0, LT, other)
        assert await bed.registrar.ask_to_sign(0, LT, good) == first
        (proof,) = (tmp_path / "server 0" / "evidence").iterdir()
        both = cbor.decode(proof.read_bytes(), 100_000)
        for data, made in zip(both, (good, other), strict=True):
            signed = open_signed(data, "manifest", [bed.config.registrar], 20_000)
            assert mf.decode_manifest(signed) == made

    running(tmp_path, test)


def test_what_r_did_not_sign_is_no_manifest_and_no_proof(tmp_path):
    async def test(bed):
        good = await bed.registrar.manifest(LT, b"")
        other = replace(good, token_keys=bed.registrar.token_keys(7))
        bad = mf.encode_manifest(other)
        for signature in (bytes(64), mf.sign_manifest(bad, SERVERS[1], SEEDED)):
            for _ in range(2):  # before the own one is signed, and after it
                with pytest.raises(InputError):
                    await bed.peers.countersign(0, *LT, signature, bad)
            bed.registrar.manifests[LT] = good
            await bed.registrar.publish(LT, b"")
        assert not list((tmp_path / "server 0" / "evidence").iterdir())
        assert bed.servers[0]._metrics.value("presence_mismatches_total") == 0

    running(tmp_path, test)


def test_a_manifest_of_other_records_than_r_signed_is_a_proof(tmp_path):
    async def test(bed):
        raw = some_records(bed.config, Kind.ST, 3)
        good = await bed.registrar.manifest(ST, raw)
        told, parts = good.commitments, good.openings
        bad = bed.registrar.make(ST, some_records(bed.config, Kind.ST, 4), told, parts)
        with pytest.raises(ReplayError):
            await bed.registrar.ask_to_sign(0, ST, bad)
        (proof,) = (tmp_path / "server 0" / "evidence").iterdir()
        data = proof.read_bytes()
        ls.verify_raw(bed.config, *ST, data[:32], data[32:96])
        signed = open_signed(data[96:], "manifest", [bed.config.registrar], 20_000)
        assert mf.decode_manifest(signed) == bad

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


def test_a_server_that_lost_its_folder_learns_the_token_keys_again(tmp_path):
    async def test(bed):
        day = LT.epoch - 1
        long = TableKey(Kind.LT, day)
        manifest = await bed.registrar.publish(long, b"")
        await bed.registrar.publish(ST, b"")
        told = [await bed.ask(1, "GET", f"/v1/manifest/{k}") for k in PUBLISHED]
        await bed.servers[0].close()
        shutil.rmtree(tmp_path / "server 0")
        bed.servers[0] = bed.start(0)
        with pytest.raises(PeerError, match="404"):  # a short one is of no use without
            await bed.peers.publish(0, *ST, told[1][1])
        for _ in range(2):
            await bed.peers.publish(0, *long, told[0][1])
            assert bed.servers[0]._answering._key(LT.epoch) == manifest.token_keys[2]
            assert (await bed.ask(0, "GET", f"/v1/manifest/{PUBLISHED[0]}"))[0] == 404
            await bed.restart(0)
        other = replace(manifest, token_keys=bed.registrar.token_keys(7))
        with pytest.raises(ReplayError):
            await bed.registrar.ask_to_sign(0, long, other)
        opened = bed.servers[0]._shelf.kept(long)
        assert bytes(opened.part) == manifest.openings[0]
        await bed.clock.advance(25)
        later = TableKey(Kind.ST, ST.epoch + 1)
        await bed.registrar.publish(later, some_records(bed.config, Kind.ST, 3))
        await bed.registrar.push(long, b"", 0)  # and with its records it is served
        await bed.peers.publish(0, *long, told[0][1])
        assert await bed.ask(0, "GET", f"/v1/manifest/{PUBLISHED[0]}") == told[0]

    running(tmp_path, test)


def test_what_this_server_did_not_sign_tells_it_no_token_keys(tmp_path):
    async def test(bed):
        long = TableKey(Kind.LT, LT.epoch - 1)
        encoded = mf.encode_manifest(await bed.registrar.manifest(long, b""))
        keys = (REGISTRAR, SERVERS[1], SERVERS[1])
        signatures = [mf.sign_manifest(encoded, key, SEEDED) for key in keys]
        with pytest.raises(InputError):
            await bed.peers.publish(0, *long, encode_signed(encoded, signatures))
        assert bed.servers[0]._answering._key(LT.epoch) is None

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
        await bed.clock.advance(20)
        for later in (1, 2):
            await bed.registrar.publish(TableKey(Kind.ST, ST.epoch + later), b"")
            await bed.clock.advance(bed.config.st_ms / 1000 - 1)
            assert (await bed.ask(0, "GET", f"/v1/manifest/st/{ST.epoch}"))[0] == 200
            await bed.clock.advance(1)
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


def test_f18_a_clock_that_was_ahead_for_a_while_costs_nothing(tmp_path):
    async def test(bed):
        server = bed.servers[0]
        long = TableKey(Kind.LT, LT.epoch - 1)
        for key in (long, LT, ST):
            await bed.registrar.publish(key, b"")
        pair = (bytes(32), bytes(32))
        server._spent.day(LT.epoch).spend([pair])
        right = bed.clock.now()
        bed.clock._now = right + 365 * 86_400.0
        await server._retire()
        bed.clock._now = right
        await bed.restart(0)
        for key in (long, LT, ST):
            path = f"/v1/manifest/{key.kind.name.lower()}/{key.epoch}"
            assert (await bed.ask(0, "GET", path))[0] == 200
        assert bed.servers[0]._spent.day(LT.epoch).paid([pair]) == [True]
        await bed.clock.advance(25)
        await bed.registrar.publish(TableKey(Kind.ST, ST.epoch + 1), b"")

    running(tmp_path, test)


def test_what_was_retired_is_refused_in_words_of_its_own(tmp_path):
    async def test(bed):
        chain = replace(bed.servers[0]._shelf.chain(Kind.ST), retired=ST.epoch)
        bed.servers[0]._shelf.keep_chain(Kind.ST, chain)
        status, text = await bed.ask(0, "GET", f"/v1/peer/commitment/st/{ST.epoch}")
        assert status == 404
        assert f"after {ST.epoch}, up to which this server".encode() in text

    running(tmp_path, test)


def test_raw_files_that_nobody_publishes_do_not_fill_the_disk(tmp_path):
    async def test(bed):
        raw, shelf = some_records(bed.config, Kind.ST, 3), bed.servers[0]._shelf
        await bed.registrar.push(ST, raw, 0)
        kept = shelf.kept(ST)
        await bed.clock.advance(20 + 2 * bed.config.st_ms / 1000)
        await bed.servers[0]._retire()
        assert shelf.path(ST, "raw").exists()  # by the clock alone nothing goes
        await bed.peers.commitment(0, Kind.ST, ST.epoch + 2)
        await bed.servers[0]._retire()
        assert not shelf.path(ST, "raw").exists()
        assert shelf.kept(ST) == kept  # and no other one is taken
        with pytest.raises(ReplayError):
            await bed.registrar.push(ST, some_records(bed.config, Kind.ST, 4), 0)

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
