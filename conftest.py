"""What every test of both packages stands on.

Variables that could change a result are cleared before numba or matplotlib is
imported, the network is forbidden, and hypothesis draws the same examples in CI.
"""

import importlib.util
import os
import socket
from pathlib import Path

import pytest
from hypothesis import settings

CLEARED_PREFIXES = ("NUMBA_", "SPLINEAR_", "SKLEARN_", "SCIPY_", "NPY_", "PRESENCE_")
CLEARED = ("PYTHONOPTIMIZE", "MPLBACKEND", "MATPLOTLIBRC", "SOURCE_DATE_EPOCH")
KEPT = ("SPLINEAR_DATA", "NUMBA_CACHE_DIR")  # places, not results

# Modules that are nothing without an extra: collected only where it is installed.
NEEDS_TORCH = [
    "packages/splinear/src/splinear/shallow/_torch_module.py",
    "docs/theory-attention.md",
]
collect_ignore = [] if importlib.util.find_spec("torch") else NEEDS_TORCH

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def clear_environment():
    for name in list(os.environ):
        matches = name.startswith(CLEARED_PREFIXES) or name in CLEARED
        if matches and name not in KEPT:
            del os.environ[name]
    os.environ["MPLBACKEND"] = "Agg"  # no window, no display needed


clear_environment()
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("desk", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection that would leave this machine."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


def guarded(connect):
    def connect_here(self, address, *rest):
        away = isinstance(address, tuple) and address[0] not in LOOPBACK
        if away:
            raise RuntimeError(f"tests may not use the network; got {address!r}")
        return connect(self, address, *rest)

    return connect_here


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of data sets that SPLINEAR_DATA names."""
    place = os.environ.get("SPLINEAR_DATA")
    if not place:
        pytest.skip("SPLINEAR_DATA is not set; it names the folder of data sets")
    if not Path(place).is_dir():
        pytest.skip(f"SPLINEAR_DATA is {place!r}, which is no folder")
    return Path(place)
