"""The cost formulas give the lengths of real messages, to the byte."""

import numpy as np
import pytest

from private_presence.pir import (
    DownloadPir,
    Dp5Pir,
    DpfPir,
    FuseManifest,
    ShamirPir,
    XorPir,
    load_kernel,
)
from private_presence.pir import costs as c
from private_presence.pir.batch_code import candidate_buckets, hash_tags
from private_presence.pir.dp5 import _fields

from .oracles import EPOCH, SALT, make_records, seeded


def measured(pir, table, friends):
    query = pir.query(table.manifest, friends, seeded("costs"))
    servers = [pir.server(table, i, load_kernel()) for i in range(pir.servers)]
    pairs = zip(servers, query.bodies, strict=True)
    answers = [server.answer([body])[0] for server, body in pairs]
    framing = len(query.bodies) + len(answers)
    up, down = sum(map(len, query.bodies)), sum(map(len, answers))
    return c.Costs(table.cells.nbytes, up - pir.servers, down - pir.servers, framing)


def load_of(records, buckets=150):
    rows = candidate_buckets(hash_tags(map(bytes, records.tags), SALT), buckets)
    return int(np.bincount(rows.ravel(), minlength=buckets).max())


@pytest.mark.parametrize("n", [0, 30, 1000, 4000])
@pytest.mark.parametrize("value_size", [24, 128])
def test_formulas_are_exact(n, value_size):
    records = make_records(n, value_size)
    friends = list(map(bytes, records.tags))[:100]
    load = load_of(records)
    cases = [
        (XorPir(servers=2), c.xor_costs(load, value_size, servers=2)),
        (XorPir(servers=3), c.xor_costs(load, value_size, servers=3)),
        (ShamirPir(), c.shamir_costs(load, value_size)),
        (
            ShamirPir(servers=5, collusion=1),
            c.shamir_costs(load, value_size, servers=5, collusion=1),
        ),
        (DpfPir(), c.dpf_costs(load, value_size)),
        (DownloadPir(), c.download_costs(n, value_size)),
    ]
    for pir, formula in cases:
        table = pir.encode(records, EPOCH, SALT)
        assert measured(pir, table, friends) == formula


@pytest.mark.parametrize(("n", "questions"), [(2000, 2), (3000, 5)])
def test_the_formula_of_dp5_is_exact(n, questions):
    records = make_records(n, 80, tag_size=10)
    pir = Dp5Pir(servers=3, capacity=questions)
    table = pir.encode(records, EPOCH, SALT)
    load = _fields(table.manifest)[1]
    formula = c.dp5_costs(n, 90, load, servers=3, questions=questions)
    assert measured(pir, table, []) == formula
    assert formula.up + formula.down < formula.table


def test_small_tables_of_dp5_are_downloaded():
    formula = c.dp5_costs(1000, 90, load=10)
    assert (formula.up, formula.down) == (0, formula.table)


def test_short_epochs_at_a_hundred_thousand_users_fit_the_budget():
    # The limit of the issue: 120 kB for each client with three servers.
    records = make_records(100_000, 1)
    costs = c.xor_costs(load_of(records), 128, servers=3)
    assert costs.total + costs.framing <= 120_000


def test_the_manifest_of_a_table_gives_its_costs():
    records = make_records(1000, 128)
    manifest = FuseManifest.from_bytes(XorPir().encode(records, EPOCH, SALT).manifest)
    assert c.xor_costs(load_of(records), 128).table == 150 * manifest.length * 128
