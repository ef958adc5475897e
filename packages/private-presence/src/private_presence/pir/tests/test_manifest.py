"""Manifests: canonical, bounded, and refused in words."""

import tracemalloc

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from private_presence.errors import (
    EncodingError,
    LayoutError,
    LengthError,
    PresenceError,
    VersionError,
)
from private_presence.pir import DownloadPir, Dp5Pir, FuseManifest, TableId, XorPir
from private_presence.pir.fuse import FuseShape
from private_presence.pir.manifest import MAX_CELLS

from .oracles import EPOCH, SALT, make_records, seeded

HASH = st.binary(min_size=32, max_size=32)


@st.composite
def manifests(draw):
    buckets = draw(st.integers(4, 4096))
    shape = FuseShape(draw(st.integers(2, 9)), draw(st.integers(1, 30)))
    assume(buckets * shape.length <= MAX_CELLS)
    deployment = draw(st.binary(min_size=16, max_size=16))
    table = TableId(
        deployment, draw(st.sampled_from([1, 2])), draw(st.integers(0, 2**32 - 1))
    )
    sizes = draw(st.integers(0, 1 << 24)), draw(st.integers(1, 1 << 14)), buckets
    hashes = draw(HASH), draw(HASH), draw(HASH)
    return FuseManifest(
        table, *sizes, shape, *hashes, bytes([draw(st.integers(0, 255))]) * buckets
    )


@settings(max_examples=50)
@given(manifests())
def test_decoding_undoes_encoding(manifest):
    assert FuseManifest.from_bytes(manifest.to_bytes()) == manifest


GOOD = XorPir(capacity=8, buckets=12).encode(make_records(30, 8), EPOCH, SALT).manifest


@given(st.data())
def test_what_is_accepted_is_canonical(data):
    place = data.draw(st.integers(0, len(GOOD) - 1))
    noise = data.draw(st.binary(max_size=6))
    cut = place + data.draw(st.integers(0, 6))
    mutated = GOOD[:place] + noise + GOOD[cut:]
    try:
        manifest = FuseManifest.from_bytes(mutated)
    except EncodingError:
        return
    assert manifest.to_bytes() == mutated


@given(st.binary(max_size=500))
def test_noise_is_refused_in_words(data):
    for refuse in (FuseManifest.from_bytes, query_dp5, query_download):
        with pytest.raises(EncodingError, match="manifest: expected"):
            refuse(data)


def query_dp5(manifest):
    return Dp5Pir().query(manifest, [], seeded(0))


def query_download(manifest):
    return DownloadPir().query(manifest, [], seeded(0))


def test_a_truncated_manifest_is_refused_at_every_length():
    for n in range(len(GOOD)):
        with pytest.raises(LengthError):
            FuseManifest.from_bytes(GOOD[:n])


@pytest.mark.parametrize("place", [0, 1])
def test_other_versions_and_layouts_are_refused(place):
    other = bytearray(GOOD)
    other[place] += 1
    with pytest.raises(VersionError, match="expected version 1, layout 1"):
        FuseManifest.from_bytes(bytes(other))


def test_the_largest_manifest_makes_a_client_allocate_little():
    # What an attacker may claim at most: 2 ** 26 cells.  Bits, matrix and packed query
    # together stay below 200 MiB, and reading alone below 1 MiB.
    buckets = MAX_CELLS // (1 << 14) // 3
    shape = FuseShape(14, 1)
    huge = FuseManifest(
        EPOCH, 1 << 24, 1 << 14, buckets, shape, SALT, SALT, SALT, bytes(buckets)
    )
    data = huge.to_bytes()
    assert peak(lambda: FuseManifest.from_bytes(data)) < 1 << 20
    assert peak(lambda: XorPir().query(data, [], seeded(0))) < 200 << 20


def test_a_larger_claim_is_refused_before_anything_is_allocated():
    # Segment bits and starts lie behind version, layout, table and three sizes.
    claim = bytearray(GOOD)
    at = 2 + 21 + 4 + 2 + 2
    claim[at], claim[at + 1 : at + 5] = 14, (2**21).to_bytes(4, "big")

    def refuse():
        with pytest.raises(EncodingError):
            XorPir().query(bytes(claim), [], seeded(0))

    assert peak(refuse) < 1 << 20


def peak(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "args",
    [(bytes(15), 1, 0), (bytes(16), 3, 0), (bytes(16), 1, 2**32), (bytes(16), 1, -1)],
)
def test_tables_without_an_encoding_are_refused(args):
    with pytest.raises(LayoutError, match="a 32-bit epoch"):
        TableId(*args)


def test_every_refusal_belongs_to_the_hierarchy():
    assert issubclass(EncodingError, PresenceError)
    assert issubclass(LayoutError, PresenceError)
