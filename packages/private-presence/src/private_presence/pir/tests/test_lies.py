"""Servers that lie: never wrong data; robust mode undoes it and says who."""

import itertools

import numpy as np
import pytest

from private_presence.errors import AnswerError
from private_presence.pir import DpfPir, Records, ShamirPir, Table, XorPir, load_kernel
from private_presence.pir.gf256 import INVERSE, lagrange_weights, scale
from private_presence.pir.manifest import FuseManifest

from .oracles import EPOCH, SALT, checks_of, make_records, seeded

KERNEL = load_kernel()
SMALL = {"capacity": 8, "buckets": 12}
RECORDS = make_records(150, 24)
PRESENT = list(map(bytes, RECORDS.tags))
STORED = dict(zip(PRESENT, map(bytes, RECORDS.values), strict=True))
ABSENT = bytes(16)
WANTED = PRESENT[:6] + [ABSENT]
SUMS = {
    "xor-2": XorPir(servers=2, **SMALL),
    "xor-4": XorPir(servers=4, **SMALL),
    "dpf": DpfPir(**SMALL),
}
ROBUST = [(3, 1), (4, 1), (4, 2), (5, 1), (5, 2), (5, 3), (7, 1), (7, 3), (7, 5)]


def answers_of(pir, wanted=WANTED, records=RECORDS, name="lies"):
    table = pir.encode(records, EPOCH, SALT)
    query = pir.query(table.manifest, wanted, seeded(name))
    servers = [pir.server(table, i, KERNEL) for i in range(pir.servers)]
    pairs = zip(servers, query.bodies, strict=True)
    return query, [server.answer([body])[0] for server, body in pairs]


def decode(pir, query, answers):
    return pir.decode(query, answers, checks_of(RECORDS, WANTED))


def noise_like(answer, rng):
    """Change every byte."""
    changed = np.frombuffer(answer[1:], np.uint8) ^ rng.integers(
        1, 256, len(answer) - 1, dtype=np.uint8
    )
    return answer[:1] + changed.tobytes()


def flip(answer, bucket, bit=0):
    changed = bytearray(answer)
    changed[1 + 24 * bucket] ^= 1 << bit
    return bytes(changed)


# --- Sums of shares: detection -----------------------------------------------------


@pytest.mark.parametrize("pir", SUMS.values(), ids=SUMS)
def test_a_flipped_bit_hides_one_record_and_changes_no_other(pir):
    query, answers = answers_of(pir)
    clean = decode(pir, query, answers)
    for tag, bucket in query.places:
        tampered = [flip(answers[0], bucket), *answers[1:]]
        values = decode(pir, query, tampered).values
        assert values == {**clean.values, tag: None}


@pytest.mark.parametrize("pir", SUMS.values(), ids=SUMS)
def test_a_flipped_bit_in_a_bucket_nobody_asked_for_raises_the_alarm(pir):
    query, answers = answers_of(pir)
    idle = set(range(12)) - {bucket for _, bucket in query.places}
    assert len(idle) == 12 - len(WANTED)
    for bucket in idle:
        tampered = [*answers[:-1], flip(answers[-1], bucket)]
        lookup = decode(pir, query, tampered)
        assert not lookup.consistent
        assert lookup.values == decode(pir, query, answers).values


@pytest.mark.parametrize("pir", SUMS.values(), ids=SUMS)
@pytest.mark.parametrize(
    "answer", [None, b"", b"\x01short", b"\x02" + bytes(288), bytes(290)]
)
def test_without_one_answer_the_batch_is_lost(pir, answer):
    query, answers = answers_of(pir)
    with pytest.raises(AnswerError, match="wait for the next lookup"):
        decode(pir, query, [answer, *answers[1:]])


@pytest.mark.parametrize("pir", SUMS.values(), ids=SUMS)
def test_noise_and_stale_tables_give_nothing_or_what_is_right(pir):
    query, answers = answers_of(pir)
    stale = answers_of(pir, records=make_records(150, 24, seed=9))[1]
    rng = np.random.default_rng(0)
    for wrong in (noise_like(answers[0], rng), stale[0]):
        lookup = decode(pir, query, [wrong, *answers[1:]])
        assert set(lookup.values.values()) == {None}
        assert not lookup.consistent


def test_one_damaged_record_is_noticed_by_clients_that_do_not_read_it():
    # One server damages the three copies of one record, in the cells where they lie.
    # A client notices through an idle bucket when the random share selects an odd
    # number of the damaged cells; with half of the buckets idle at least a quarter of
    # the clients do.  60 clients, binomial with p >= 1/4: fewer than 5 has
    # probability 1e-4 (exactly: sum of the binomial's first five terms).
    pir = XorPir(servers=2, **SMALL)
    table = pir.encode(RECORDS, EPOCH, SALT)
    victim = Records(RECORDS.tags[:1], RECORDS.values[:1])
    cells = table.cells.copy()
    manifest = FuseManifest.from_bytes(table.manifest)
    for bucket, spots in damaged_places(manifest, bytes(victim.tags[0])):
        cells[bucket, spots] ^= 0xFF
    bad = pir.server(Table(table.manifest, cells), 0, KERNEL)
    good = pir.server(table, 1, KERNEL)
    noticed = 0
    for client in range(60):
        wanted = PRESENT[1 + client : 6 + client]
        query = pir.query(table.manifest, wanted, seeded(client))
        answers = [bad.answer(query.bodies[:1])[0], good.answer(query.bodies[1:])[0]]
        lookup = pir.decode(query, answers, checks_of(RECORDS, wanted))
        noticed += not lookup.consistent
    assert noticed >= 5


def damaged_places(manifest, tag):
    from private_presence.pir.batch_code import candidate_buckets, hash_tags
    from private_presence.pir.fuse import fuse_positions

    words = hash_tags([tag], manifest.salt)
    for bucket in candidate_buckets(words, manifest.buckets)[0]:
        counter = manifest.counter_array[[bucket]]
        yield bucket, fuse_positions(words[:, 3], counter, manifest.shape)[0]


# --- Robust mode: recovery and naming ----------------------------------------------


@pytest.mark.parametrize(("k", "t"), ROBUST)
def test_up_to_the_bound_every_present_record_is_recovered_and_liars_are_named(k, t):
    pir = ShamirPir(servers=k, collusion=t, **SMALL)
    query, answers = answers_of(pir)
    rng = np.random.default_rng(k + 10 * t)
    for count in range(1, k - t):
        for liars in itertools.combinations(range(k), count):
            tampered = list(answers)
            for liar in liars:
                tampered[liar] = noise_like(answers[liar], rng)
            lookup = decode(pir, query, tampered)
            assert lookup.values == {
                **{tag: STORED[tag] for tag in PRESENT[:6]},
                ABSENT: None,
            }
            assert lookup.accused == lookup.accused_openly == liars
            assert not lookup.consistent
            assert not lookup.unresolved


@pytest.mark.parametrize(("k", "t"), ROBUST)
def test_a_lie_in_one_bucket_is_undone_and_named(k, t):
    pir = ShamirPir(servers=k, collusion=t, **SMALL)
    query, answers = answers_of(pir)
    clean = decode(pir, query, answers)
    for liar, bucket in itertools.product(range(k), range(12)):
        tampered = list(answers)
        tampered[liar] = flip(answers[liar], bucket, bit=3)
        lookup = decode(pir, query, tampered)
        tag = {b: tag for tag, b in query.places}.get(bucket)
        assert not lookup.consistent
        assert lookup.values == clean.values
        # An absent record cannot tell which answers are right; everything else does.
        assert lookup.unresolved == ((ABSENT,) if tag == ABSENT else ())
        assert lookup.accused == (() if tag == ABSENT else (liar,))
        assert lookup.accused_openly == ((liar,) if tag is None else ())


@pytest.mark.parametrize(("k", "t"), [(k, t) for k, t in ROBUST if k - t > 1])
def test_silent_servers_are_not_liars(k, t):
    pir = ShamirPir(servers=k, collusion=t, **SMALL)
    query, answers = answers_of(pir)
    lookup = decode(pir, query, [None] * (k - t - 1) + answers[k - t - 1 :])
    assert lookup.values == decode(pir, query, answers).values
    assert lookup.accused == ()
    assert lookup.consistent
    with pytest.raises(AnswerError, match=f"at least {t + 1} servers; got {t}"):
        decode(pir, query, [None] * (k - t) + answers[k - t :])


def test_a_server_that_sends_something_else_is_named():
    pir = ShamirPir(servers=4, collusion=2, **SMALL)
    query, answers = answers_of(pir)
    lookup = decode(pir, query, [answers[0], b"busy", *answers[2:]])
    assert lookup.values == decode(pir, query, answers).values
    assert lookup.accused == lookup.accused_openly == (1,)
    assert not lookup.consistent


@pytest.mark.parametrize(("k", "t"), [(5, 2), (7, 3), (7, 2)])
def test_liars_who_make_their_errors_cancel_frame_nobody(k, t):
    # Servers 0 and 1 choose errors that vanish at 0 in the polynomial through the first
    # t + 1 answers: that false polynomial has the right value.
    pir = ShamirPir(servers=k, collusion=t, **SMALL)
    query, answers = answers_of(pir)
    weights = lagrange_weights(range(1, t + 2), at=0)
    error = np.random.default_rng(0).integers(1, 256, 288, dtype=np.uint8)
    other = scale(int(INVERSE[weights[1]]), scale(weights[0], error))
    tampered = [xor(answers[0], error), xor(answers[1], other), *answers[2:]]
    lookup = decode(pir, query, tampered)
    assert lookup.values == decode(pir, query, answers).values
    assert not lookup.consistent
    assert set(lookup.accused) <= {0, 1}


def xor(answer, error):
    return answer[:1] + (np.frombuffer(answer[1:], np.uint8) ^ error).tobytes()


@pytest.mark.parametrize(("k", "t"), ROBUST)
def test_beyond_the_bound_there_is_less_data_but_no_wrong_data(k, t):
    pir = ShamirPir(servers=k, collusion=t, **SMALL)
    query, answers = answers_of(pir)
    rng = np.random.default_rng(0)
    for count in range(k - t, k + 1):
        tampered = [
            noise_like(a, rng) if i < count else a for i, a in enumerate(answers)
        ]
        lookup = decode(pir, query, tampered)
        assert all(v in (None, STORED.get(tag)) for tag, v in lookup.values.items())
        assert not lookup.consistent


def test_liars_with_a_consistent_other_table_are_outvoted_by_signatures():
    # Two of five answer from another table: their answers lie on one polynomial with
    # each other, and three honest ones on another.
    pir = ShamirPir(servers=5, collusion=1, **SMALL)
    query, answers = answers_of(pir)
    table = pir.encode(RECORDS, EPOCH, SALT)
    cells = table.cells ^ np.uint8(0x55)
    for liars in [(0, 1), (0, 1, 2)]:
        tampered = list(answers)
        for i in liars:
            server = pir.server(Table(table.manifest, cells), i, KERNEL)
            tampered[i] = server.answer([query.bodies[i]])[0]
        lookup = decode(pir, query, tampered)
        assert lookup.values == decode(pir, query, answers).values
        assert set(lookup.accused) <= set(liars)


def test_signatures_are_checked_a_few_times_only():
    # One bad server of seven: the idle buckets name it, and the batch is decoded once
    # without it.
    pir = ShamirPir(servers=7, collusion=3, **SMALL)
    query, answers = answers_of(pir)
    tampered = [noise_like(answers[0], np.random.default_rng(0)), *answers[1:]]
    calls = []
    checks = {
        tag: (lambda v, tag=tag: calls.append(tag) or v == STORED.get(tag))
        for tag in WANTED
    }
    pir.decode(query, tampered, checks)
    assert len(calls) == len(query.places)
