"""Public names load on demand, and mean the same whatever was imported before."""

import subprocess
import sys

import pytest

import splinear.univariate

ORDERS = [
    "from splinear.univariate import interpolate",
    "import splinear.univariate.interpolate; "
    "from splinear.univariate import interpolate",
    "from splinear.univariate.interpolate import interpolate as first; "
    "from splinear.univariate import interpolate",
    "import splinear; interpolate = splinear.interpolate",
    "import splinear.univariate.interpolate; "
    "import splinear; interpolate = splinear.interpolate",
]


@pytest.mark.parametrize("code", ORDERS)
def test_interpolate_is_the_function(code):
    run = [sys.executable, "-c", f"{code}; assert callable(interpolate)"]
    subprocess.run(run, check=True)


@pytest.mark.parametrize("name", splinear.univariate._HOME)
def test_public_names_load(name):
    assert getattr(splinear.univariate, name).__name__ == name
    assert name in dir(splinear.univariate)


def test_unknown_names_are_refused_in_words():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'; it has "):
        splinear.univariate.nothing  # noqa: B018 (the access is the test)


def test_the_package_itself_loads_nothing_heavy():
    code = (
        "import sys, splinear.univariate; "
        "print(not {'numba', 'sklearn', 'scipy', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "True"
