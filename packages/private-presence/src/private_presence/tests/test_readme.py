"""The package's page names the commands that there are, with options that they have."""

import re
from pathlib import Path

import pytest

from private_presence import cli

README = Path(__file__).parents[3] / "README.md"
NAMED = sorted(set(re.findall(r"`presence ([a-z]+)", README.read_text("utf-8"))))


def test_every_command_is_named():
    text = README.read_text(encoding="utf-8")
    for name in cli.COMMANDS:
        assert re.search(rf"(presence |`){name}", text), name
    assert set(NAMED) <= set(cli.COMMANDS)


@pytest.mark.parametrize(
    "row", re.findall(r"^\| `(presence .*?)` \|", README.read_text("utf-8"), re.M)
)
def test_the_options_of_the_table_exist(row, capsys):
    name, *words = row.split(",")[0].strip("`").split()[1:]
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert option in text
