"""What coalitions of servers see: uniform, whoever is asked for.

Samples and bounds: each test states how many bits or bytes it looks at.  Bounds are
five standard deviations; with the few hundred comparisons made here, a correct program
fails one of them once in several thousand seeds, and the seeds are fixed.  Each test
has its control: what *all* servers see together fails by hundreds of deviations.
"""

import itertools

import numpy as np
import pytest

from private_presence.pir import DpfPir, ShamirPir, XorPir, load_kernel
from private_presence.pir._fuse_backend import query_matrix
from private_presence.pir._shares import draw_below
from private_presence.pir.dpf import DpfKeys
from private_presence.pir.gf256 import interpolate
from private_presence.pir.manifest import FuseManifest

from .oracles import EPOCH, SALT, make_records, seeded

Z = 5.0
RECORDS = make_records(150, 8)
PRESENT = list(map(bytes, RECORDS.tags))
LISTS = {"nobody": [], "eight": PRESENT[:8], "eight others": PRESENT[50:58]}
KERNEL = load_kernel()


def views(pir, wanted, queries):
    """Return the servers' shares of many queries for one list: (n, k, B, ...)."""
    table = pir.encode(RECORDS, EPOCH, SALT)
    servers = [pir.server(table, i, KERNEL) for i in range(pir.servers)]
    random, found = seeded(f"{type(pir)} {wanted}"), []
    for _ in range(queries):
        bodies = pir.query(table.manifest, wanted, random).bodies
        pairs = zip(servers, bodies, strict=True)
        found.append([server.share(body) for server, body in pairs])
    return np.array(found)


def asked_cells(pir, wanted):
    """Return the (B, L) matrix that the shares hide."""
    table = pir.encode(RECORDS, EPOCH, SALT)
    manifest = FuseManifest.from_bytes(table.manifest)
    return query_matrix(manifest, pir.places(manifest, wanted)[0]).astype(bool)


def z_of(bits):
    """Return the deviation of the number of ones from a half, in standard deviations."""
    return (bits.sum() - bits.size / 2) / (bits.size / 4) ** 0.5


@pytest.mark.parametrize("wanted", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("k", [2, 3, 4])
def test_all_but_one_server_see_uniform_bits(k, wanted):
    # 500 queries of 12 * 96 bits, half a million bits a share; 12,000 bits at the asked
    # cells.  Sums over every non-empty set of up to k - 1 servers: if all of them are
    # balanced at a cell, the joint distribution there is uniform.
    pir = XorPir(servers=k, capacity=8, buckets=12)
    asked = asked_cells(pir, wanted)
    length = asked.shape[1]
    bits = np.unpackbits(views(pir, wanted, 500), axis=3, bitorder="little")[
        ..., :length
    ]
    for size in range(1, k):
        for coalition in itertools.combinations(range(k), size):
            seen = np.bitwise_xor.reduce(bits[:, coalition], axis=1)
            assert abs(z_of(seen)) < Z
            if asked.any():
                assert abs(z_of(seen[:, asked])) < Z
    # The control: all together see the query itself.
    everything = np.bitwise_xor.reduce(bits, axis=1)
    np.testing.assert_array_equal(everything, np.broadcast_to(asked, everything.shape))
    assert abs(z_of(everything)) > 100 * Z


def test_single_cells_are_balanced_over_queries():
    # 2,000 queries, 12 * 96 cells, two servers: chi-square over cells with as many
    # degrees of freedom; it has mean df and variance 2 df.
    pir = XorPir(servers=2, capacity=8, buckets=12)
    bits = np.unpackbits(views(pir, PRESENT[:8], 2000), axis=3, bitorder="little")
    for server in range(2):
        ones = bits[:, server].sum(axis=0, dtype=float).ravel()
        chi2 = ((ones - 1000) ** 2 / 500).sum()
        assert abs(chi2 - ones.size) < Z * (2 * ones.size) ** 0.5


@pytest.mark.parametrize("k", [2, 3, 7])
def test_the_long_share_goes_to_each_server_equally_often(k):
    # 3,000 draws; binomial.
    random = seeded(k)
    counts = np.bincount([draw_below(k, random) for _ in range(3000)], minlength=k)
    spread = (3000 / k * (1 - 1 / k)) ** 0.5
    assert np.all(np.abs(counts - 3000 / k) < Z * spread)


def test_draws_below_a_limit_reject_what_would_be_biased():
    # 256 = 85 * 3 + 1: the byte 255 must be drawn again.
    bytes_left = iter([b"\xff", b"\xff", b"\x04"])
    assert draw_below(3, lambda n: next(bytes_left)) == 1


@pytest.mark.parametrize("wanted", LISTS.values(), ids=LISTS)
def test_two_of_four_robust_servers_see_uniform_bytes(wanted):
    # 300 queries of 12 * L bytes (345,600 at L = 96): chi-square with 255 degrees of
    # freedom over byte values, for every server and for the sum of every two.
    pir = ShamirPir(servers=4, collusion=2, capacity=8, buckets=12)
    seen = views(pir, wanted, 300)
    asked = asked_cells(pir, wanted)
    for coalition in [
        *itertools.combinations(range(4), 1),
        *itertools.combinations(range(4), 2),
    ]:
        together = np.bitwise_xor.reduce(seen[:, coalition], axis=1)
        assert abs(z_of_bytes(together)) < Z
        if asked.any():
            assert abs(z_of_bytes(together[:, asked])) < Z
    # The control: three servers interpolate the query.
    open_query = interpolate([1, 2, 3], seen[:, :3].swapaxes(0, 1), at=0)
    np.testing.assert_array_equal(open_query, np.broadcast_to(asked, open_query.shape))


def z_of_bytes(values):
    counts = np.bincount(values.ravel(), minlength=256)
    mean = values.size / 256
    chi2 = ((counts - mean) ** 2 / mean).sum()
    return (chi2 - 255) / (2 * 255) ** 0.5


@pytest.mark.parametrize("secret", [0, 1])
@pytest.mark.parametrize("pair", [*itertools.combinations([1, 2, 3, 4, 5], 2)])
def test_any_two_shares_take_every_pair_of_values_once(secret, pair):
    # Exact: over all 65,536 values of the two random shares the shares of any two
    # servers are each pair of bytes once, whatever is shared.
    first, second = np.divmod(np.arange(1 << 16), 256)
    base = np.stack([np.full(1 << 16, secret), first, second]).astype(np.uint8)
    shares = [interpolate([0, 1, 2], base, at=node).astype(np.int64) for node in pair]
    assert len(np.unique(256 * shares[0] + shares[1])) == 1 << 16


@pytest.mark.parametrize("wanted", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("server", [0, 1])
def test_one_server_sees_uniform_point_keys(server, wanted):
    # 200 queries of 36 keys: 7,200 keys, 921,600 bits of seeds, of corrections and of
    # leaves; 14,400 control bits.
    pir = DpfPir(capacity=8, buckets=12)
    big = make_records(1500, 8)  # large enough for keys with levels
    table = pir.encode(big, EPOCH, SALT)
    length = FuseManifest.from_bytes(table.manifest).length
    random, parts = seeded(f"{server} {wanted}"), []
    for _ in range(200):
        body = pir.query(table.manifest, wanted, random).bodies[server]
        parts.append(DpfKeys.from_bytes(body[1:], count=36, length=length))
    for name in ("seeds", "last"):
        bits = np.unpackbits(np.concatenate([getattr(keys, name) for keys in parts]))
        assert abs(z_of(bits)) < Z
    words = np.concatenate([keys.words for keys in parts])
    corrections = words.copy()
    corrections[..., 0] >>= 1  # the lowest bit of the first byte is 0 by construction
    assert not (words[..., 0] & 1).any()
    bits = np.unpackbits(corrections[..., 1:])
    assert words.shape[1] >= 2
    assert abs(z_of(bits)) < Z
    assert abs(z_of(np.concatenate([keys.flags for keys in parts]))) < Z


def test_point_keys_do_not_show_whether_a_bucket_was_asked():
    # 300 pairs of queries, the same bucket asked in one and idle in the other: each bit
    # of the last corrections, 3 * 128, is compared; chi-square over them.
    pir = DpfPir(capacity=8, buckets=12)
    table = pir.encode(RECORDS, EPOCH, SALT)
    manifest = FuseManifest.from_bytes(table.manifest)
    bucket = next(iter(pir.places(manifest, PRESENT[:1])[0].values()))[0]
    sums = []
    for wanted in (PRESENT[:1], []):
        random, total = seeded(f"last {wanted}"), 0
        for _ in range(300):
            body = pir.query(table.manifest, wanted, random).bodies[0]
            keys = DpfKeys.from_bytes(body[1:], count=36, length=manifest.length)
            mine = keys.last.reshape(12, 3, -1)[bucket]
            total = total + np.unpackbits(mine).astype(float)
        sums.append(total)
    # A difference of two binomials of 300 has variance 150.
    chi2 = ((sums[0] - sums[1]) ** 2 / 150).sum()
    assert abs(chi2 - 384) < Z * (2 * 384) ** 0.5
