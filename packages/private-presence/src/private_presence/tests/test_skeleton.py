"""What the command promises before any of its modules is loaded."""

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


def test_the_list_of_commands_loads_none_of_them():
    code = "import sys; from private_presence import cli; "
    code += "import atexit; atexit.register(lambda: print(sorted(sys.modules))); "
    run = [sys.executable, "-c", code + "cli.main(['--help'])"]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    listing, _, loaded = out.stdout.rpartition("\n[")
    assert all(f"\n    {name} " in listing for name in cli.COMMANDS)
    assert "private_presence.client" not in loaded
    assert "private_presence.commands" not in loaded


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


@pytest.mark.parametrize(
    ("library", "extra"), [("granian.server", "server"), ("psycopg", "postgresql")]
)
def test_a_missing_library_is_named_with_what_brings_it(
    library, extra, monkeypatch, capsys
):
    def load(name):
        raise ModuleNotFoundError(f"No module named {library!r}", name=library)

    monkeypatch.setattr(cli, "import_module", load)
    assert cli.main(["serve"]) == 1
    assert f"pip install 'private-presence[{extra}]'" in capsys.readouterr().err


def test_a_missing_part_of_the_package_is_a_fault_and_no_sentence(monkeypatch):
    def load(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(cli, "import_module", load)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["serve"])
