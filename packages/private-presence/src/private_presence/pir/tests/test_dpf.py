"""Point-function keys: correct at every point, and one way."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from private_presence.errors import EncodingError, LengthError
from private_presence.pir import dpf
from private_presence.pir.dpf import (
    DpfKeys,
    evaluate_keys,
    expand_block,
    key_size,
    levels_for,
    make_keys,
)

from .oracles import seeded


def sums(pair, length, expand=expand_block):
    """Return what the two servers' expansions add up to: (m, length) of 0 and 1."""
    one, other = (evaluate_keys(keys, i, length, expand) for i, keys in enumerate(pair))
    return np.unpackbits(one ^ other, axis=1, bitorder="little")[:, :length]


@settings(max_examples=60)
@given(st.integers(1, 3000), st.data())
def test_keys_share_the_point_function(length, data):
    points = data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=5))
    bits = data.draw(
        st.lists(st.sampled_from([0, 1]), min_size=len(points), max_size=len(points))
    )
    args = np.array(points), np.array(bits, np.uint8), length
    pair = make_keys(*args, seeded(data.draw(st.integers(0, 99))))
    expected = np.zeros((len(points), length), np.uint8)
    expected[np.arange(len(points)), points] = bits
    np.testing.assert_array_equal(sums(pair, length), expected)


@pytest.mark.parametrize("length", [12, 96, 128, 129, 200, 513])
def test_every_single_point(length):
    points, bits = np.arange(length), np.ones(length, np.uint8)
    pair = make_keys(points, bits, length, seeded(length))
    np.testing.assert_array_equal(sums(pair, length), np.eye(length, dtype=np.uint8))


@settings(max_examples=40)
@given(st.integers(1, 5000), st.integers(1, 4))
def test_decoding_undoes_encoding(length, count):
    bits = np.ones(count, np.uint8)
    keys, _ = make_keys(np.zeros(count, np.int64), bits, length, seeded("encode"))
    data = keys.to_bytes()
    assert len(data) == count * key_size(length)
    again = DpfKeys.from_bytes(data, count=count, length=length)
    assert again.to_bytes() == data
    for name in ("seeds", "words", "flags", "last"):
        np.testing.assert_array_equal(getattr(again, name), getattr(keys, name))


@given(st.binary(max_size=200), st.integers(1, 600), st.integers(1, 3))
def test_what_is_accepted_is_canonical(data, length, count):
    try:
        keys = DpfKeys.from_bytes(data, count=count, length=length)
    except (EncodingError, LengthError):
        return
    assert keys.to_bytes() == data


def test_unused_bits_must_be_zero():
    keys, _ = make_keys(np.array([0]), np.array([1], np.uint8), 200, seeded(0))
    data = bytearray(keys.to_bytes())
    assert levels_for(200) == 1  # two of the eight bits mean something
    data[32] |= 0x04
    with pytest.raises(EncodingError, match="unused bits"):
        DpfKeys.from_bytes(bytes(data), count=1, length=200)


def test_keys_hide_in_their_repr():
    keys, _ = make_keys(np.array([0]), np.array([1], np.uint8), 200, seeded(0))
    assert repr(keys) == "DpfKeys(1 keys of 1 levels)"


# --- The attack on an expansion that can be inverted (F15) --------------------------


def plain_aes(seeds, key):
    """The expansion without feed-forward: a fixed public permutation."""
    return expand_block(seeds, key) ^ seeds


def inverse_aes(blocks, key):
    cipher = Cipher(algorithms.AES(dpf._KEYS[key]), modes.ECB()).decryptor()
    return np.frombuffer(cipher.update(blocks.tobytes()), np.uint8).reshape(
        blocks.shape
    )


def read_index(keys, length, expand):
    """Try, as server 0 alone, to find the point; None if it cannot be found.

    Off the path the first correction is the sum of both servers' children: ours is
    known, so theirs is, up to the bit that was cleared.  Inverting it gives their seed.
    """
    for side in (0, 1):
        child = expand(keys.seeds, side)
        child[:, 0] &= 0xFE
        for bit in (0, 1):
            theirs = child ^ keys.words[:, 0]
            theirs[:, 0] |= bit
            other = DpfKeys(
                inverse_aes(theirs, side), keys.words, keys.flags, keys.last
            )
            found = np.flatnonzero(sums((keys, other), length, expand)[0])
            if len(found) == 1:
                return found[0]
    return None


@pytest.mark.parametrize(
    ("expand", "found"),
    [
        pytest.param(plain_aes, 200, id="plain"),
        pytest.param(expand_block, 0, id="ours"),
    ],
)
def test_one_server_reads_the_index_of_an_invertible_expansion_only(expand, found):
    length, hits = 400, 0
    rng = np.random.default_rng(0)
    for i in range(200):
        point = rng.integers(0, length)
        args = np.array([point]), np.array([1], np.uint8), length
        pair = make_keys(*args, seeded(i), expand)
        assert np.flatnonzero(sums(pair, length, expand)[0]) == [point]
        hits += read_index(pair[0], length, expand) == point
    assert hits == found
