"""Rules of this package that no linter states, held over its own source."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import private_presence
from private_presence import errors

PACKAGE = Path(private_presence.__file__).parent
OURS = [
    path
    for folder in ("primitives", "protocol")
    for path in sorted((PACKAGE / folder).glob("*.py"))
]
# No clock, no sockets, no randomness but the system's, no compiler, no learning library.
FORBIDDEN = {
    "time",
    "datetime",
    "socket",
    "ssl",
    "asyncio",
    "random",
    "numpy",
    "numba",
    "uuid",
    "logging",
    "pickle",
    "splinear",
}
LIST_MODULES = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("path", OURS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_modules_import_no_clock_no_socket_and_no_other_randomness(path):
    tops = {name.partition(".")[0] for name in imports(path)}
    assert not tops & FORBIDDEN
    if path.name != "randomness.py":
        assert "secrets" not in tops
        assert "urandom" not in path.read_text(encoding="utf-8")


def test_the_seeded_source_is_out_of_reach_of_clients_and_servers():
    """No module outside of tests names it, and no import of any of them loads it."""
    for path in PACKAGE.rglob("*.py"):
        if "tests" not in path.parts:
            assert not any(".tests" in name for name in imports(path)), path
            assert "SeededRandomness" not in path.read_text(encoding="utf-8")
    names = [module_name(path) for path in OURS]
    run = [sys.executable, "-c", LIST_MODULES, *names]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    loaded = json.loads(out.stdout)
    assert not [
        name for name in loaded if "private_presence" in name and ".tests" in name
    ]
    assert not {"numba", "numpy", "pymcl", "splinear", "torch"} & set(loaded)


def test_comparisons_of_secrets_go_through_one_helper():
    users = [p.name for p in OURS if "compare_digest" in p.read_text(encoding="utf-8")]
    assert users == ["secret.py"]


def test_every_exception_raised_on_purpose_is_declared():
    names = set(errors.__all__)
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                assert ast.unparse(node.exc.func) in names, (path.name, node.lineno)


def test_the_hierarchy_is_the_one_drawn():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes == set(errors.__all__)
    assert all(name in errors.__doc__ for name in classes)
    assert all(
        issubclass(getattr(errors, name), errors.PresenceError) for name in classes
    )


def test_functions_and_files_stay_small():
    for path in OURS:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                first = (
                    node.body[1] if ast.get_docstring(node) and node.body[1:] else None
                )
                start = first.lineno if first else node.lineno
                assert node.end_lineno - start < 45, (path.name, node.name)
