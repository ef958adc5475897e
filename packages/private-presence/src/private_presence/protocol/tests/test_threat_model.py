"""The threat model names tests that exist, and every finding of the review."""

import ast
import re
from pathlib import Path

import private_presence

PACKAGE = Path(private_presence.__file__).parent
PAGE = PACKAGE.parents[1] / "THREAT_MODEL.md"


def existing_tests():
    for path in PACKAGE.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node.name


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 60
    assert not named - set(existing_tests())


def test_every_finding_has_a_row():
    rows = re.findall(r"^\| F(\d+) ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 35))


def test_every_promise_names_a_test():
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("## What is promised") : page.index("## What is not")]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    assert all("`test_" in row for row in rows)
