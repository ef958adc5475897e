"""The ground that conftest.py lays: no network, no variable that changes a result."""

import os
import socket

import pytest
from hypothesis import settings


def test_the_network_is_refused():
    with (
        socket.socket() as link,
        pytest.raises(RuntimeError, match=r"may not use the network; got \('192\.0\.2"),
    ):
        link.connect(("192.0.2.1", 80))  # an address reserved for documentation


def test_this_machine_is_allowed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_variables_that_change_results_are_gone():
    kept = {"SPLINEAR_DATA", "NUMBA_CACHE_DIR"}
    ours = {name for name in os.environ if name.startswith(("NUMBA_", "SPLINEAR_"))}
    assert ours <= kept
    assert os.environ["MPLBACKEND"] == "Agg"


def test_hypothesis_is_not_in_a_hurry():
    assert settings().deadline is None


def test_hypothesis_draws_the_same_examples_in_ci():
    if not os.environ.get("CI"):
        pytest.skip("CI is not set: at a desk new examples are welcome")
    assert settings().derandomize
