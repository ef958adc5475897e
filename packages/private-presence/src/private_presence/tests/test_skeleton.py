"""What the skeleton promises: it imports alone, and it claims nothing."""

import json
import subprocess
import sys

import pytest

import private_presence
from private_presence import cli

LIST_FOREIGN_MODULES = """
import json, sys
before = set(sys.modules)  # what site start-up files loaded is not ours
import private_presence, private_presence.cli
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(tops - sys.stdlib_module_names - {"private_presence"})))
"""


def test_imports_nothing_but_the_standard_library():
    run = [sys.executable, "-c", LIST_FOREIGN_MODULES]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_says_that_it_is_not_built(command, capsys):
    assert cli.main([command]) == cli.NOT_BUILT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"presence {command}: not yet built; ")
    assert captured.err.count("\n") == 1


def test_version(capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main(["--version"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out == f"presence {private_presence.__version__}\n"


@pytest.mark.parametrize("words", [[], ["no-such-command"]])
def test_unknown_words_are_refused(words, capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main(words)
    assert leaving.value.code == 2  # argparse's own status for a wrong command line
    assert "usage: presence" in capsys.readouterr().err
