"""Queries over published tables: right answers, tokens spent once, bounds kept."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from private_presence.errors import AnswerError
from private_presence.pir import Records, load_kernel
from private_presence.pir.table import TableId
from private_presence.protocol import manifest as mf
from private_presence.protocol.ask import backend_of
from private_presence.protocol.epochs import Kind
from private_presence.server.lookup.limits import Limits
from private_presence.server.lookup.shelf import TableKey
from private_presence.server.signed_answer import Asked, open_answer

from .world import DAY, LT, ST, running, some_records

PATH = f"/v1/pir/st/{ST.epoch}"


async def opened(bed, server, manifest, query, token):
    """Ask one server and open the signed answer."""
    body = bed.body(manifest, query, token)
    status, sealed = await bed.ask(server, "POST", PATH, body)
    assert status == 200
    digest = mf.manifest_hash(mf.encode_manifest(manifest))
    asked = Asked(Kind.ST, ST.epoch, server, digest, query)
    size = backend_of(bed.config).sizes(manifest.layout).answer
    return open_answer(bed.config, asked, sealed, size)


def in_memory(bed, manifest, server, bodies):
    """What the backend says without a service."""
    raw = some_records(bed.config, Kind.ST, manifest.count)
    backend = backend_of(bed.config)
    records = Records.from_bytes(raw, value_size=manifest.value_size)
    table = backend.encode(records, TableId(bed.config.dep_id, *ST), manifest.salt)
    return backend.server(table, server, load_kernel()).answer(bodies)


MODES = [
    {"mode": "xor", "servers": 3, "privacy": 2},
    {"mode": "shamir", "servers": 3, "privacy": 1},
    {"mode": "dpf"},
]


@pytest.mark.parametrize("options", MODES, ids=lambda o: f"{o['mode']}{len(o)}")
def test_answers_are_those_of_the_backend_in_memory(tmp_path, options):
    async def test(bed):
        manifest = await bed.lookup_ready()
        raw = some_records(bed.config, Kind.ST, 40)
        tags = [raw[i : i + 16] for i in range(0, 5 * 144, 144)]
        query = bed.query(manifest, wanted=[*tags, bytes(16)])
        answers = []
        for i, body in enumerate(query.bodies):
            token = bed.token(i, f"one {i}")
            answers.append(await opened(bed, i, manifest, body, token))
            assert [answers[i]] == in_memory(bed, manifest, i, [body])
        values = {raw[i + 16 : i + 144] for i in range(0, 5 * 144, 144)}
        checks = dict.fromkeys([*tags, bytes(16)], values.__contains__)
        found = backend_of(bed.config).decode(query, answers, checks)
        assert found.consistent
        assert {value for value in found.values.values() if value} == values

    running(tmp_path, test, **options)


def test_a_batch_over_two_workers_equals_single_answers(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        bodies = [bed.query(manifest, f"q{i}").bodies[0] for i in range(9)]
        asked = [
            opened(bed, 0, manifest, body, bed.token(0, f"batch {i}"))
            for i, body in enumerate(bodies)
        ]
        answers = await asyncio.gather(*asked)
        assert answers == [in_memory(bed, manifest, 0, [b])[0] for b in bodies]
        count = bed.servers[0]._metrics.value
        assert count("presence_pir_queries_total") == 9
        assert count("presence_pir_batch_size_count") == 1

    running(tmp_path, test, workers=2, limits=Limits(split=2, delay=5.0, batch=9))


def test_a_token_pays_for_one_query_and_a_resend_is_answered(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        token = bed.token(0, "once")
        one, two = (
            bed.body(manifest, bed.query(manifest, seed).bodies[0], token)
            for seed in ("one", "two")
        )
        status, first = await bed.ask(0, "POST", PATH, one)
        assert status == 200
        assert await bed.ask(0, "POST", PATH, one) == (200, first)  # the same bytes
        assert (await bed.ask(0, "POST", PATH, two))[0] == 409
        await bed.restart(0)
        status, again = await bed.ask(0, "POST", PATH, one)
        assert status == 200
        assert again[:-64] == first[:-64]  # signed anew, the same otherwise
        assert (await bed.ask(0, "POST", PATH, two))[0] == 409
        assert (tmp_path / "server 0" / "spent" / f"{DAY}.sqlite").exists()

    running(tmp_path, test)


def test_a_resend_whose_answer_is_gone_is_computed_a_few_times_only(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        body = bed.body(manifest, bed.query(manifest).bodies[0], bed.token(0, "again"))
        statuses = [(await bed.ask(0, "POST", PATH, body))[0] for _ in range(4)]
        assert statuses == [200, 200, 200, 503]

    running(tmp_path, test, limits=Limits(remembered=0, resends=2))


def test_two_queries_with_one_token_in_one_batch_get_one_answer(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        token = bed.token(0, "twice")
        bodies = [
            bed.body(manifest, bed.query(manifest, seed).bodies[0], token)
            for seed in ("one", "two")
        ]
        replies = await asyncio.gather(*(bed.ask(0, "POST", PATH, b) for b in bodies))
        assert [status for status, _ in replies] == [200, 409]

    running(tmp_path, test)


def test_what_is_not_in_form_or_not_paid_is_refused(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        query, token = bed.query(manifest).bodies[0], bed.token(0, "good")
        good = bed.body(manifest, query, token)
        forged = bytes([good[0] ^ 1]) + good[1:]
        other_role = bed.body(manifest, query, bed.token(0, "role", role=17))
        other_hash = good[:84] + bytes(32) + good[116:]
        cases = {
            b"": 400,
            good[:115]: 400,
            good[:-1]: 400,
            good + bytes(10**6): 413,
            forged: 400,
            other_role: 400,
            other_hash: 400,
            good[:116] + b"\xff" + good[117:]: 400,
            bed.body(manifest, query, token, day=DAY + 1): 400,
        }
        for body, expected in cases.items():
            assert (await bed.ask(0, "POST", PATH, body))[0] == expected, len(body)
        for path in ("/v1/pir/st/7", f"/v1/pir/lt/{LT.epoch}"):
            assert (await bed.ask(0, "POST", path, good))[0] == 404
        assert (await bed.ask(0, "POST", PATH, good))[0] == 200  # the token is unspent

    running(tmp_path, test)


def test_without_the_manifest_that_names_the_key_a_query_is_told_to_wait(tmp_path):
    async def test(bed):
        await bed.clock.advance(25)
        raw = some_records(bed.config, Kind.ST, 3)
        manifest = await bed.registrar.publish(ST, raw)
        body = bed.body(manifest, bed.query(manifest).bodies[0], bed.token(0, "early"))
        assert (await bed.ask(0, "POST", PATH, body))[0] == 503
        await bed.registrar.publish(TableKey(Kind.LT, DAY - 1), b"")
        assert (await bed.ask(0, "POST", PATH, body))[0] == 200

    running(tmp_path, test)


def test_malformed_keys_in_a_batch_harm_nobody_else(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready(n=2000)
        good = bed.query(manifest).bodies[0]
        bad = good[:1] + bytes([255]) * (len(good) - 1)  # bits that mean nothing
        bodies = [
            bed.body(manifest, query, bed.token(0, f"t{i}"))
            for i, query in enumerate([good, bad])
        ]
        replies = await asyncio.gather(*(bed.ask(0, "POST", PATH, b) for b in bodies))
        assert [status for status, _ in replies] == [200, 400]

    running(tmp_path, test, mode="dpf")


def test_beyond_the_bound_a_query_is_told_to_come_again(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        bodies = [
            bed.body(manifest, bed.query(manifest, f"{i}").bodies[0], bed.token(0, i))
            for i in range(4)
        ]
        replies = await asyncio.gather(*(bed.ask(0, "POST", PATH, b) for b in bodies))
        assert [status for status, _ in replies] == [200, 200, 503, 503]
        status, _ = await bed.ask(0, "POST", PATH, bodies[3])
        assert status == 200  # its token was not spent

    running(tmp_path, test, limits=Limits(queue=2))


def test_a_killed_worker_is_replaced_and_its_batch_redone(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        server = bed.servers[0]
        (pid,) = await server._workers.warm_up()
        os.kill(pid, signal.SIGKILL)
        body = bed.query(manifest).bodies[0]
        answer = await opened(bed, 0, manifest, body, bed.token(0, "after"))
        assert [answer] == in_memory(bed, manifest, 0, [body])
        assert await server._workers.warm_up() != [pid]
        assert server._metrics.value("presence_failures_total", where="worker") >= 1

    running(tmp_path, test)


def test_a_caller_who_leaves_does_not_take_the_batch_with_him(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        bodies = [bed.query(manifest, f"{i}").bodies[0] for i in range(2)]
        leaves, stays = (
            asyncio.create_task(opened(bed, 0, manifest, b, bed.token(0, b)))
            for b in bodies
        )
        await asyncio.sleep(0)
        leaves.cancel()
        assert [await stays] == in_memory(bed, manifest, 0, [bodies[1]])

    running(tmp_path, test)


def test_older_long_tables_are_laid_out_on_demand_and_bounded(tmp_path):
    async def test(bed):
        await bed.clock.advance(-5 * bed.config.lt_ms / 1000)
        manifests = {}
        for day in range(DAY - 5, DAY + 1):
            key = TableKey(Kind.LT, day)
            raw = some_records(bed.config, Kind.LT, 4, f"day {day}")
            manifests[key] = await bed.registrar.publish(key, raw)
            await bed.clock.advance(bed.config.lt_ms / 1000)
        await bed.clock.advance(-bed.config.lt_ms / 1000 + 25)
        memory = bed.servers[0]._memory.folder
        for key, manifest in manifests.items():
            body = bed.query(manifest, f"{key}").bodies[0]
            whole = bed.body(manifest, body, bed.token(0, f"{key}"))
            path = f"/v1/pir/lt/{key.epoch}"
            assert (await bed.ask(0, "POST", path, whole))[0] == 200
            assert len(list(memory.iterdir())) <= 3

    running(tmp_path, test, limits=Limits(older=1))


def test_download_mode_answers_the_file_and_refuses_large_tables(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        query = bed.query(manifest)
        answer = await opened(bed, 0, manifest, query.bodies[0], bed.token(0, "all"))
        assert answer[1:] == some_records(bed.config, Kind.ST, 40)
        tampered = bytearray(answer)
        tampered[-1] ^= 1
        with pytest.raises(AnswerError):
            backend_of(bed.config).decode(query, [bytes(tampered)], {})
        large = TableKey(Kind.ST, ST.epoch + 1)
        await bed.registrar.publish(large, some_records(bed.config, Kind.ST, 51))
        for method, word in (("POST", "pir"), ("GET", "raw")):
            path = f"/v1/{word}/st/{large.epoch}"
            assert (await bed.ask(0, method, path))[0] == 404

    running(tmp_path, test, mode="download", download_below=50)


def test_empty_tables_are_answered(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready(n=0)
        body = bed.query(manifest).bodies[0]
        answer = await opened(bed, 0, manifest, body, bed.token(0, "empty"))
        assert [answer] == in_memory(bed, manifest, 0, [body])

    for mode in ("xor", "download"):
        running(tmp_path / mode, test, mode=mode)


def test_a_table_that_lost_its_place_in_memory_is_laid_out_again(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        cells = await bed.servers[0]._tables.cells(ST, manifest)
        cells.path.unlink()
        for i in (1, 2):
            query = bed.query(manifest, f"{i}").bodies[0]
            body = bed.body(manifest, query, bed.token(0, i))
            status, _ = await bed.ask(0, "POST", PATH, body)
            assert status == 200

    running(tmp_path, test)


def test_a_damaged_raw_file_gives_no_answer_until_it_is_pushed_again(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        raw = tmp_path / "server 0" / "tables" / f"{ST.word}.raw"
        good = raw.read_bytes()
        raw.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        await bed.restart(0)
        body = bed.body(manifest, bed.query(manifest).bodies[0], bed.token(0, "bad"))
        assert (await bed.ask(0, "POST", PATH, body))[0] == 503
        await bed.registrar.push(ST, good, 0)
        assert (await bed.ask(0, "POST", PATH, body))[0] == 200

    running(tmp_path, test)


def test_config_and_unknown_paths(tmp_path):
    async def test(bed):
        assert await bed.ask(0, "GET", "/v1/config") == (200, b"the deployment's file")
        assert (await bed.ask(0, "POST", "/v1/register/st/7"))[0] == 404
        assert (await bed.ask(0, "GET", "/v1/manifest/st/7"))[0] == 404
        assert not isinstance((await bed.ask(0, "GET", "/v1/config"))[1], Path)

    running(tmp_path, test)


def test_closing_leaves_no_memory_and_no_worker(tmp_path):
    seen = []

    async def test(bed):
        await bed.lookup_ready()
        server = bed.servers[0]
        seen.extend([server._memory.folder, *await server._workers.warm_up()])
        assert list(seen[0].iterdir())

    running(tmp_path, test)
    folder, pid = seen
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
