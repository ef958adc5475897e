"""People with folders of their own, a passphrase in a file, and cheap guesses."""

import pytest

from private_presence.client import vault
from private_presence.protocol.tests.world import deployment

from .people import Person, deployment_file


@pytest.fixture
def config():
    return deployment()


@pytest.fixture
def passphrase_file(tmp_path, monkeypatch):
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery\n")
    monkeypatch.setenv("PRESENCE_PASSPHRASE_FILE", str(path))
    return path


@pytest.fixture
def person(tmp_path, monkeypatch, capsys, passphrase_file, config):
    """A function from a name to somebody who has joined."""
    monkeypatch.setattr(vault.Cost.__init__, "__defaults__", (1, 8))
    file = tmp_path / "deployment"
    file.write_bytes(deployment_file(config))

    def make(name, joined=True):
        folder = tmp_path / name
        folder.mkdir()
        someone = Person(folder, monkeypatch, capsys)
        if joined:
            someone("init", "--deployment", file)
        return someone

    return make
