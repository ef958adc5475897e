"""DP5's layout: what the comparison in the benchmarks stands on."""

import numpy as np
import pytest

from private_presence.errors import AnswerError
from private_presence.pir import Dp5Pir, load_kernel
from private_presence.pir.dp5 import TRIES, _buckets, _fields, bucket_count

from .oracles import EPOCH, SALT, checks_of, make_records, seeded


@pytest.mark.parametrize(("records", "row"), [(1, 1), (4, 9), (1000, 90), (10**8, 90)])
def test_buckets_are_the_rounded_up_square_root(records, row):
    r = bucket_count(records, row)
    assert (r - 1) ** 2 < records * row <= r**2


@pytest.mark.parametrize("n", [1, 7, 500])
def test_each_record_lies_once_in_its_bucket_behind_zeros(n):
    records = make_records(n, 20, tag_size=10)
    table = Dp5Pir(capacity=5).encode(records, EPOCH, SALT)
    r, load, tag_size, value_size, key = _fields(table.manifest)
    cells = table.cells.reshape(r, load, 30)
    assert (r, tag_size, value_size) == (bucket_count(n, 30), 10, 20)
    tags = list(map(bytes, records.tags))
    bucket = _buckets(tags, key, r)
    counts = np.bincount(bucket, minlength=r)
    assert counts.max() == load
    for b in range(r):
        rows = set(map(bytes, cells[b, load - counts[b] :]))
        mine = np.flatnonzero(bucket == b)
        assert rows == {tags[i] + bytes(records.values[i]) for i in mine}
        assert not cells[b, : load - counts[b]].any()


def test_the_best_of_ten_hashes_is_taken():
    import hashlib

    records = make_records(2000, 20, tag_size=10)
    table = Dp5Pir(capacity=5).encode(records, EPOCH, SALT)
    r, load, *_, key = _fields(table.manifest)
    keys = [hashlib.sha256(SALT + bytes([i])).digest()[:8] for i in range(TRIES)]
    loads = [np.bincount(_buckets(map(bytes, records.tags), k, r)).max() for k in keys]
    assert load == min(loads)
    assert load < max(loads)
    assert key in keys


def test_two_friends_in_one_bucket_cost_one_question():
    records = make_records(400, 20, tag_size=10)
    pir = Dp5Pir(servers=3, capacity=6)
    table = pir.encode(records, EPOCH, SALT)
    r, *_, key = _fields(table.manifest)
    tags = list(map(bytes, records.tags))
    bucket = _buckets(tags, key, r)
    (double,) = np.flatnonzero(np.bincount(bucket, minlength=r) > 1)[:1]
    wanted = [tags[i] for i in np.flatnonzero(bucket == double)[:2]] + tags[:2]
    query = pir.query(table.manifest, list(dict.fromkeys(wanted)), seeded(0))
    places = dict(query.places)
    assert places[wanted[0]] == places[wanted[1]]
    servers = [pir.server(table, i, load_kernel()) for i in range(3)]
    answers = [s.answer([b])[0] for s, b in zip(servers, query.bodies, strict=True)]
    lookup = pir.decode(query, answers, checks_of(records, tags))
    assert None not in lookup.values.values()
    with pytest.raises(AnswerError, match="one is missing"):
        pir.decode(query, [None, *answers[1:]], checks_of(records, tags))


def test_a_lie_shows_where_there_is_redundancy():
    records = make_records(100, 20, tag_size=10)
    pir = Dp5Pir(servers=4, collusion=2, capacity=3)
    table = pir.encode(records, EPOCH, SALT)
    tags = list(map(bytes, records.tags))[:3]
    query = pir.query(table.manifest, tags, seeded(0))
    servers = [pir.server(table, i, load_kernel()) for i in range(4)]
    answers = [s.answer([b])[0] for s, b in zip(servers, query.bodies, strict=True)]
    assert pir.decode(query, answers, checks_of(records, tags)).consistent
    answers[1] = answers[1][:-1] + bytes([answers[1][-1] ^ 1])
    assert not pir.decode(query, answers, checks_of(records, tags)).consistent
