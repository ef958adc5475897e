"""One spelling per value: hypothesis over values and over bytes, and a peer."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_presence.errors import EncodingError, InputError
from private_presence.primitives import cbor

uint = st.integers(0, 2**64 - 1)
values = st.recursive(
    uint | st.binary(max_size=300) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(uint, inner, max_size=4)
    ),
    max_leaves=8,
)


@given(values)
def test_what_is_encoded_decodes(value):
    try:
        data = cbor.encode(value)
        assert cbor.decode(data, len(data)) == value
    except EncodingError as error:
        assert "nested" in str(error)  # noqa: PT017 (the depth limit is the one reason)


@given(values)
def test_a_general_library_agrees(value):
    """Sorted by length first there, by number here: the same for unsigned keys."""
    assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


@given(st.binary(max_size=60))
def test_what_is_accepted_has_one_spelling(data):
    try:
        value = cbor.decode(data, 60)
    except EncodingError:
        return
    assert cbor.encode(value) == data


@given(values, st.data())
def test_changed_encodings_are_refused_or_mean_something_else(value, data):
    encoded = bytearray(cbor.encode(value))
    i = data.draw(st.integers(0, len(encoded) - 1))
    encoded[i] ^= data.draw(st.integers(1, 255))
    try:
        other = cbor.decode(bytes(encoded), 5000)
    except EncodingError:
        return
    assert cbor.encode(other) == encoded
    assert other != value


@pytest.mark.parametrize(
    "data",
    [
        "1817",  # 23 in two bytes
        "190018",  # 24 in three
        "1a0000ffff",
        "1b00000000ffffffff",
        "5f4101ff",  # indefinite
        "9f01ff",
        "f5",  # true
        "20",  # -1
        "c100",  # a tag
        "fb3ff0000000000000",
        "a201000000",  # keys out of order
        "a2000000 00",  # a key twice
        "a1410000",  # a key that is no number
        "62c328",  # no UTF-8
        "0000",  # two values
        "",
    ],
)
def test_other_spellings_and_kinds_are_refused(data):
    with pytest.raises(EncodingError):
        cbor.decode(bytes.fromhex(data), 100)


@pytest.mark.parametrize("head", ["5b", "7b", "9b", "bb"])
def test_attack_a_huge_length_allocates_nothing(head):
    with pytest.raises(EncodingError):
        cbor.decode(bytes.fromhex(head + "7fffffffffffffff"), 100)


def test_depth_is_bounded():
    with pytest.raises(EncodingError, match="nested"):
        cbor.decode(b"\x81" * 50 + b"\x00", 100)


def test_longer_input_than_allowed_is_refused_before_reading():
    with pytest.raises(EncodingError, match="at most 10"):
        cbor.decode(bytes(11), 10)


@pytest.mark.parametrize("value", [True, 1.0, None, -1, 1 << 64, {-1: 0}])
def test_values_outside_are_refused(value):
    with pytest.raises(InputError):
        cbor.encode(value)
