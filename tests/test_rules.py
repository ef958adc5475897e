"""The rules of this repository that no linter states."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import splinear

ROOT = Path(__file__).resolve().parent.parent
MAY_PRINT = ("cli", "examples", "benchmarks", "experiments", ".ci", "tests", "dev.py")
# Joined here, so that this file does not name what it forbids.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("pythonhosted", "org"),
        ("download", "pytorch", "org"),
        ("anaconda", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("index", "crates", "io"),
    )
]
LIST_MODULES = "import json, sys, splinear; print(json.dumps(list(sys.modules)))"


def committed(pattern="*"):
    """List the files that git tracks or would track (ignored ones left out)."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    out = subprocess.run(
        [*words, "-z", "--", pattern], cwd=ROOT, capture_output=True, check=False
    )
    names = out.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


SOURCES = committed("*.py")


def offences(tree, may_print):
    """Yield (line, sentence) for each node that breaks a rule."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.expr))
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Compare):
            yield node.lineno, "a comparison whose result is dropped"
        if isinstance(node, ast.Raise) and is_several_strings(node.exc):
            yield node.lineno, "an exception built from several strings"
        if not may_print and is_print(node):
            yield node.lineno, "`print` outside the command line"


def is_several_strings(call):
    strings = (ast.Constant, ast.JoinedStr)
    return (
        isinstance(call, ast.Call)
        and len(call.args) > 1
        and all(isinstance(arg, strings) for arg in call.args)
    )


def is_print(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    )


def may_print(path):
    parts = path.relative_to(ROOT).parts
    return any(
        part.removesuffix(".py") in MAY_PRINT or part in MAY_PRINT for part in parts
    )


def test_sources_keep_the_rules():
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for line, sentence in offences(tree, may_print(path)):
            found.append(f"{path.relative_to(ROOT)}:{line}: {sentence}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    ["a == b", "raise ValueError('got', 'no')", "raise E(f'{x}', 'y')", "print(1)"],
)
def test_the_rules_find_what_they_forbid(code):
    assert len(list(offences(ast.parse(code), may_print=False))) == 1


@pytest.mark.parametrize(
    "code",
    ["assert a == b", "raise ValueError('one ' 'string')", "raise E", "x.print()"],
)
def test_the_rules_leave_alone_what_is_fine(code):
    assert not list(offences(ast.parse(code), may_print=False))


def test_no_file_names_a_registry_host():
    wanted = re.compile("|".join(re.escape(host) for host in HOSTS).encode())
    found = [path for path in committed() if wanted.search(path.read_bytes())]
    assert not found


def test_importing_splinear_loads_nothing_heavy():
    run = [sys.executable, "-c", LIST_MODULES]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    tops = {name.partition(".")[0] for name in json.loads(out.stdout)}
    assert not tops & {"torch", "sklearn", "numba", "scipy", "pandas", "matplotlib"}


def test_lazy_names_are_the_ones_type_checkers_see():
    tree = ast.parse(Path(splinear.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("splinear")
        for alias in node.names
    }
    assert seen == splinear._HOME


@pytest.mark.parametrize("name", splinear._HOME)
def test_lazy_names_load(name):
    assert getattr(splinear, name).__name__ == name


def test_an_unknown_name_is_refused_in_words():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'; it has "):
        splinear.nothing  # noqa: B018 (the access is the test)
