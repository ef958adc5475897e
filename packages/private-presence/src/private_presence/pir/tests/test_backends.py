"""One set of laws for all backends: what they find, what they send, what they refuse."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from private_presence.errors import (
    AnswerError,
    CapacityError,
    InputError,
    LayoutError,
    LengthError,
    PresenceError,
    QueryError,
    VersionError,
)
from private_presence.pir import (
    DownloadPir,
    Dp5Pir,
    DpfPir,
    ShamirPir,
    XorPir,
    load_kernel,
)
from private_presence.pir.batch_code import candidate_buckets, hash_tags

from .oracles import EPOCH, SALT, checks_of, make_records, seeded

KERNEL = load_kernel()
SMALL = {"capacity": 8, "buckets": 12}
BACKENDS = {
    "xor-2": XorPir(servers=2, **SMALL),
    "xor-3": XorPir(servers=3, **SMALL),
    "xor-5": XorPir(servers=5, **SMALL),
    "shamir-3-1": ShamirPir(servers=3, collusion=1, **SMALL),
    "shamir-4-2": ShamirPir(servers=4, collusion=2, **SMALL),
    "shamir-7-3": ShamirPir(servers=7, collusion=3, **SMALL),
    "dpf": DpfPir(**SMALL),
    "download": DownloadPir(capacity=8),
    "dp5": Dp5Pir(servers=3, capacity=8, tag_size=16),
}
RECORDS = make_records(150, 24)
PRESENT = list(map(bytes, RECORDS.tags))
ABSENT = [bytes([i]) * 16 for i in range(8)]


@pytest.fixture(params=BACKENDS)
def pir(request):
    return BACKENDS[request.param]


def ask(pir, table, wanted, random):
    query = pir.query(table.manifest, wanted, random)
    return query, answers_to(pir, table, query)


def answers_to(pir, table, query):
    servers = [pir.server(table, i, KERNEL) for i in range(pir.servers)]
    pairs = zip(servers, query.bodies, strict=True)
    return [server.answer([body])[0] for server, body in pairs]


@settings(max_examples=20)
@given(st.data())
def test_a_lookup_finds_what_is_there_and_nothing_else(data):
    pir = BACKENDS[data.draw(st.sampled_from(sorted(BACKENDS)))]
    n = data.draw(st.sampled_from([0, 1, 2, 150]))
    records = make_records(n, data.draw(st.integers(1, 40)))
    pool = list(map(bytes, records.tags)) + ABSENT
    wanted = data.draw(st.lists(st.sampled_from(pool), unique=True, max_size=8))
    table = pir.encode(records, EPOCH, SALT)
    query, answers = ask(pir, table, wanted, seeded(data.draw(st.integers(0, 99))))
    lookup = pir.decode(query, answers, checks_of(records, wanted))
    stored = dict(
        zip(map(bytes, records.tags), map(bytes, records.values), strict=True)
    )
    asked = [tag for tag in wanted if tag not in query.deferred]
    assert lookup.values == {tag: stored.get(tag) for tag in asked}
    assert lookup.consistent
    assert lookup.accused == lookup.accused_openly == lookup.unresolved == ()


def test_every_bucket_decodes_to_its_three_cells(pir):
    # The values that a check sees are those in the table, whoever asked.
    table = pir.encode(RECORDS, EPOCH, SALT)
    query, answers = ask(pir, table, PRESENT[:8], seeded("cells"))
    seen = []
    checks = {tag: (lambda v: seen.append(v) or True) for tag in PRESENT[:8]}
    lookup = pir.decode(query, answers, checks)
    stored = dict(zip(PRESENT, map(bytes, RECORDS.values), strict=True))
    assert lookup.values == {tag: stored[tag] for tag, _ in query.places}
    assert set(seen) >= set(lookup.values.values())


def test_what_is_sent_does_not_depend_on_the_friends(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    lists = [[], PRESENT[:1], PRESENT[:8], ABSENT, PRESENT[:4] + ABSENT[:4]]
    sizes = set()
    for wanted in lists:
        query, answers = ask(pir, table, wanted, seeded(len(wanted)))
        bodies = sorted(map(len, query.bodies))  # which server's is long is drawn
        sizes.add((tuple(bodies), tuple(map(len, answers))))
    assert len(sizes) == 1


def test_a_batch_is_answered_as_its_queries_are_one_by_one(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    queries = [
        pir.query(table.manifest, PRESENT[i : i + 8], seeded(i)) for i in range(6)
    ]
    for index in range(pir.servers):
        server = pir.server(table, index, KERNEL)
        bodies = [query.bodies[index] for query in queries]
        assert server.answer(bodies) == [server.answer([body])[0] for body in bodies]
        assert server.answer([]) == []


def test_kernels_answer_alike(pir):
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    table = pir.encode(RECORDS, EPOCH, SALT)
    query, answers = ask(pir, table, PRESENT[:8], seeded("kernels"))
    fast = load_kernel("fast")
    for index, body in enumerate(query.bodies):
        assert pir.server(table, index, fast).answer([body]) == [answers[index]]


def test_the_same_randomness_makes_the_same_query(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    one, other = (pir.query(table.manifest, PRESENT[:3], seeded(1)) for _ in range(2))
    assert one == other
    if not isinstance(pir, DownloadPir):
        assert pir.query(table.manifest, PRESENT[:3], seeded(2)).bodies != one.bodies


@pytest.mark.parametrize("servers", [2, 3])
def test_the_query_of_one_epoch_is_noise_in_another(servers):
    pir = XorPir(servers=servers, **SMALL)
    table = pir.encode(RECORDS, EPOCH, SALT)
    later = pir.encode(RECORDS, type(EPOCH)(EPOCH.deployment, 2, 1), SALT)
    query = pir.query(table.manifest, PRESENT[:8], seeded(1))
    lookup = pir.decode(
        query, answers_to(pir, later, query), checks_of(RECORDS, PRESENT)
    )
    assert not lookup.consistent
    assert set(lookup.values.values()) == {None}


def test_nothing_secret_is_printed(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    query, answers = ask(pir, table, PRESENT[:3], os.urandom)
    lookup = pir.decode(query, answers, checks_of(RECORDS, PRESENT))
    shown = repr(query) + repr(lookup)
    assert repr(query) == "Query()"
    assert not any(str(tag)[2:-1] in shown for tag in PRESENT[:3])


def test_too_many_repeated_or_misshapen_tags_are_refused(pir):
    manifest = pir.encode(RECORDS, EPOCH, SALT).manifest
    with pytest.raises(CapacityError, match="at most 8 tags; got 9"):
        pir.query(manifest, PRESENT[:9], os.urandom)
    for wanted in ([PRESENT[0]] * 2, [b"short"]):
        with pytest.raises(QueryError, match="ask for each friend once"):
            pir.query(manifest, wanted, os.urandom)


def test_a_value_without_a_check_is_refused(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    query, answers = ask(pir, table, PRESENT[:3], seeded(0))
    with pytest.raises(QueryError, match="one is missing"):
        pir.decode(query, answers, {})


def test_answers_are_one_per_server(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    query, answers = ask(pir, table, PRESENT[:3], seeded(0))
    with pytest.raises(AnswerError, match=f"expected {pir.servers}"):
        pir.decode(query, answers[:-1], checks_of(RECORDS, PRESENT))


def test_servers_that_do_not_exist_are_refused(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    for index in (-1, pir.servers):
        with pytest.raises(QueryError, match=f"got {index}"):
            pir.server(table, index, KERNEL)


def test_wrong_lengths_and_versions_of_a_query_are_refused(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    body = pir.query(table.manifest, PRESENT[:3], seeded(0)).bodies[0]
    server = pir.server(table, 0, KERNEL)
    for wrong in (body + b"\0", body[:-1] if len(body) > 1 else body + b"\0"):
        with pytest.raises(LengthError, match="ask with this"):
            server.answer([wrong])
    for wrong in (b"", bytes([body[0] ^ 0x30]) + body[1:], bytes([0x1F]) + body[1:]):
        with pytest.raises(VersionError, match="expected version 1"):
            server.answer([wrong])


@settings(max_examples=60)
@given(st.sampled_from(sorted(BACKENDS)), st.binary(max_size=400), st.data())
def test_hostile_queries_are_answered_or_refused_in_words(name, noise, data):
    pir = BACKENDS[name]
    table = pir.encode(RECORDS, EPOCH, SALT)
    body = pir.query(table.manifest, PRESENT[:1], seeded(0)).bodies[-1]
    place = data.draw(st.integers(0, len(body)))
    hostile = data.draw(
        st.sampled_from([noise, body[:place] + noise, noise + body[place:]])
    )
    try:
        (answer,) = pir.server(table, pir.servers - 1, KERNEL).answer([hostile])
    except PresenceError:
        return
    assert len(answer) == len(
        pir.server(table, pir.servers - 1, KERNEL).answer([body])[0]
    )


@settings(max_examples=60)
@given(st.sampled_from(sorted(BACKENDS)), st.binary(max_size=300), st.data())
def test_hostile_answers_never_become_data(name, noise, data):
    pir = BACKENDS[name]
    table = pir.encode(RECORDS, EPOCH, SALT)
    query, answers = ask(pir, table, PRESENT[:8], seeded(5))
    index = data.draw(st.integers(0, pir.servers - 1))
    place = data.draw(st.integers(0, len(answers[index])))
    kept = answers[index]
    answers[index] = data.draw(
        st.sampled_from(
            [None, noise, kept[:place] + noise + kept[place + len(noise) :]]
        )
    )
    try:
        lookup = pir.decode(query, answers, checks_of(RECORDS, PRESENT))
    except PresenceError:
        return
    stored = dict(zip(PRESENT, map(bytes, RECORDS.values), strict=True))
    assert all(value in (None, stored[tag]) for tag, value in lookup.values.items())


@pytest.mark.parametrize(
    "make",
    [
        lambda: XorPir(servers=1),
        lambda: XorPir(servers=17),
        lambda: XorPir(capacity=151),
        lambda: ShamirPir(servers=2, collusion=1),
        lambda: ShamirPir(servers=4, collusion=3),
        lambda: ShamirPir(servers=8, collusion=2),
        lambda: XorPir(capacity=2, buckets=3),
        lambda: XorPir(buckets=4097),
        lambda: DpfPir(capacity=0),
        lambda: Dp5Pir(capacity=0),
        lambda: DownloadPir(capacity=0),
        lambda: Dp5Pir(servers=3, collusion=3),
    ],
)
def test_impossible_deployments_are_refused(make):
    with pytest.raises(InputError, match="expected"):
        make()


def test_deferred_tags_are_named_and_the_others_found():
    # Five tags with one set of three buckets: two must wait.
    pir = XorPir(capacity=8, buckets=12)
    records = make_records(5000, 8)
    table = pir.encode(records, EPOCH, SALT)
    crowd = crowded(list(map(bytes, records.tags)), 5)
    query, answers = ask(pir, table, crowd, seeded(0))
    assert query.deferred == tuple(crowd[3:])
    lookup = pir.decode(query, answers, checks_of(records, crowd))
    assert set(lookup.values) == set(crowd[:3])
    assert None not in lookup.values.values()


def crowded(tags, n):
    """Return n tags that share their three buckets, of 12."""
    rows = np.sort(candidate_buckets(hash_tags(tags, SALT), 12), axis=1)
    same = np.flatnonzero((rows == rows[0]).all(axis=1))
    return [tags[i] for i in same[:n]]


# ---- what follows from a manifest alone


def test_sizes_of_bodies_follow_from_the_manifest(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    sizes = pir.sizes(table.manifest)
    seen = set()
    for seed in range(6):
        query, answers = ask(pir, table, PRESENT[:5], seeded(seed))
        seen.update(map(len, query.bodies))
        assert {len(answer) for answer in answers} == {sizes.answer}
    assert seen == sizes.queries
    assert pir.value_size(table.manifest) == RECORDS.value_size


def test_a_table_is_rebuilt_only_from_its_own_file_and_salt(pir):
    table = pir.encode(RECORDS, EPOCH, SALT)
    raw = RECORDS.to_bytes()
    built = pir.rebuild(raw, EPOCH, SALT, table.manifest)
    assert built.manifest == table.manifest
    assert np.array_equal(built.cells, table.cells)
    if isinstance(pir, Dp5Pir):  # DP5's metadata has no hash of the records
        return
    other = RECORDS.to_bytes()[:-1] + b"?"
    with pytest.raises(LayoutError, match="do not serve"):
        pir.rebuild(other, EPOCH, SALT, table.manifest)
    if not isinstance(pir, DownloadPir):  # which needs no salt
        with pytest.raises(LayoutError, match="do not serve"):
            pir.rebuild(raw, EPOCH, b"?" * 32, table.manifest)
