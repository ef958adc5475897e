"""All kernels give the bytes of the definition."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from private_presence.errors import InputError, QueryError
from private_presence.pir.gf256 import PRODUCT
from private_presence.pir.kernels import NumpyKernel, load_kernel
from private_presence.pir.shamir import weighted_sums
from private_presence.pir.table import aligned_zeros

from .oracles import selected_sum

NAMES = ["numpy", "fast"]
WHAT_IMPORTS = """
import json, sys
import private_presence.pir as pir
[getattr(pir, name) for name in pir.__all__]
pir.load_kernel("numpy")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(params=NAMES)
def kernel(request):
    if request.param == "fast":
        pytest.importorskip("numba", reason="the extra `fast` is not installed")
    return load_kernel(request.param)


SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 70))


@settings(max_examples=15)
@given(SHAPES, st.integers(1, 9), st.integers(0, 2**32))
def test_kernels_agree_with_the_definition(shape, queries, seed):
    cells, bits = drawn(shape, queries, seed)
    expected = np.stack([selected_sum(cells, row) for row in bits])
    for name in NAMES:
        kernel = load_kernel(name)
        found = kernel.select(kernel.prepare(cells), bits, shape[2])
        np.testing.assert_array_equal(found, expected)


def drawn(shape, queries, seed):
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, shape, dtype=np.uint8)
    bits = rng.integers(0, 256, (queries, shape[0], -(-shape[1] // 8)), dtype=np.uint8)
    return cells, bits


@pytest.mark.parametrize("queries", [1, 4, 5, 64, 65, 256, 257, 600])
@pytest.mark.parametrize("shape", [(3, 96, 128), (2, 384, 576), (2, 33, 90)])
def test_single_and_batched_queries_agree(kernel, shape, queries):
    # The counts straddle the switches between methods and between passes.
    cells, bits = drawn(shape, queries, seed=queries)
    words = kernel.prepare(cells)
    batch = kernel.select(words, bits, shape[2])
    single = [NumpyKernel().select(words, row[None], shape[2])[0] for row in bits]
    np.testing.assert_array_equal(batch, np.stack(single))


def test_bits_beyond_the_last_cell_are_ignored(kernel):
    cells, bits = drawn((2, 12, 5), 6, seed=0)
    words = kernel.prepare(cells)
    clean = bits.copy()
    clean[:, :, 1] &= 0x0F
    np.testing.assert_array_equal(
        kernel.select(words, bits, 5), kernel.select(words, clean, 5)
    )


def test_weights_of_0_and_1_are_the_xor_query(kernel):
    cells, bits = drawn((3, 64, 20), 4, seed=1)
    words = kernel.prepare(cells)
    coefficients = np.unpackbits(bits, axis=2, bitorder="little")
    np.testing.assert_array_equal(
        weighted_sums(kernel, words, coefficients, 20), kernel.select(words, bits, 20)
    )


def test_weighted_sums_are_those_of_the_field(kernel):
    rng = np.random.default_rng(2)
    cells, _ = drawn((3, 40, 11), 1, seed=2)
    weights = rng.integers(0, 256, (5, 3, 40), dtype=np.uint8)
    products = PRODUCT[weights[..., None], cells[None]]
    expected = np.bitwise_xor.reduce(products, axis=2)
    found = weighted_sums(kernel, kernel.prepare(cells), weights, 11)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [64, 128, 576, 2048])
def test_tables_of_usual_sizes_are_not_copied(size):
    cells = aligned_zeros((2, 96, size))
    assert np.shares_memory(load_kernel().prepare(cells), cells)


def test_bits_of_another_table_are_refused(kernel):
    words = kernel.prepare(np.zeros((2, 12, 5), np.uint8))
    for shape in [(1, 3, 2), (1, 2, 5), (2, 2)]:
        with pytest.raises(QueryError, match="ask with this table's manifest"):
            kernel.select(words, np.zeros(shape, np.uint8), 5)


def test_a_server_without_a_compiler_imports_none():
    run = [sys.executable, "-c", WHAT_IMPORTS]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    assert not {"numba", "llvmlite"} & set(json.loads(out.stdout))


def test_without_numba_the_fast_kernel_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "private_presence.pir._fast", raising=False)
    monkeypatch.delitem(sys.modules, "private_presence.pir._xor_kernels", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(InputError, match=r"install private-presence\[fast\]"):
        load_kernel("fast")


def test_unknown_kernels_are_refused():
    with pytest.raises(InputError, match="got 'gpu'"):
        load_kernel("gpu")
