"""The raw file: one encoding for each set of records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_presence.errors import EncodingError
from private_presence.pir.records import MAX_VALUE, Records

from .oracles import make_records


@given(
    st.dictionaries(
        st.binary(min_size=8, max_size=8), st.binary(min_size=3, max_size=3)
    )
)
def test_decoding_undoes_encoding(rows):
    raw = b"".join(tag + rows[tag] for tag in sorted(rows))
    records = Records.from_bytes(raw, tag_size=8, value_size=3)
    assert records.to_bytes() == raw
    found = dict(zip(map(bytes, records.tags), map(bytes, records.values), strict=True))
    assert found == rows


@given(st.binary(max_size=60), st.integers(8, 16), st.integers(1, 9))
def test_what_is_accepted_is_canonical(raw, tag_size, value_size):
    try:
        records = Records.from_bytes(raw, tag_size=tag_size, value_size=value_size)
    except EncodingError:
        return
    assert records.to_bytes() == raw
    tags = list(map(bytes, records.tags))
    assert tags == sorted(set(tags))


@pytest.mark.parametrize("tag_size", [8, 10, 15, 16])
def test_order_looks_at_every_byte_of_a_tag(tag_size):
    # Two tags that differ in one byte only, at each place, in the wrong order.
    for place in range(tag_size):
        high = bytearray(tag_size)
        high[place] = 255  # above 127: bytes compare unsigned
        low = bytearray(tag_size)
        low[place] = 1
        good, bad = bytes(low) + b"v" + high + b"v", bytes(high) + b"v" + low + b"v"
        assert len(Records.from_bytes(good, tag_size=tag_size, value_size=1)) == 2
        with pytest.raises(EncodingError, match="strictly increasing"):
            Records.from_bytes(bad, tag_size=tag_size, value_size=1)


def test_a_repeated_tag_is_refused():
    raw = make_records(1, 4).to_bytes()
    with pytest.raises(EncodingError, match="keep one value per tag"):
        Records.from_bytes(raw + raw, value_size=4)


@pytest.mark.parametrize(
    ("tag_size", "value_size"), [(7, 1), (17, 1), (16, 0), (16, MAX_VALUE + 1)]
)
def test_sizes_out_of_range_are_refused(tag_size, value_size):
    with pytest.raises(EncodingError, match="look at the configuration"):
        Records.from_bytes(b"", tag_size=tag_size, value_size=value_size)


def test_reading_copies_nothing():
    raw = make_records(1000, 128).to_bytes()
    records = Records.from_bytes(raw, value_size=128)
    assert np.shares_memory(records.values, np.frombuffer(raw, np.uint8))
