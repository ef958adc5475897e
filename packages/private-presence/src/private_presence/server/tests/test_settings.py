"""Settings: one good file for each server, and everything that is wrong said at once."""

import traceback
from pathlib import Path

import pytest

from private_presence.errors import InputError
from private_presence.server.settings import Place, read_settings
from private_presence.server.storage import open_storage

REGISTRAR = """
deployment = "deployment.presence"
keys = "keys"
listen = "0.0.0.0:8443"
admin = "127.0.0.1:9443"
storage = "sqlite:///data"

[limits]
handling = 100
idle_seconds = 12.5
"""
PIR = """
deployment = "deployment.presence"
keys = "keys"
listen = "[::]:8443"
peer_listen = "0.0.0.0:8444"
folder = "tables"
workers = 4
kernel = "numpy"
"""


def read(folder: Path, role, text, environ=None):
    (folder / "deployment.presence").touch()
    (folder / "keys").mkdir(exist_ok=True)
    file = folder / "settings.toml"
    file.write_text(text)
    return read_settings(role, file, environ or {})


def problems(folder, role, text, environ=None):
    with pytest.raises(InputError) as caught:
        read(folder, role, text, environ)
    return str(caught.value)


def test_a_registrars_file(tmp_path):
    settings = read(tmp_path, "registrar", REGISTRAR)
    assert settings.common.deployment == tmp_path / "deployment.presence"
    assert settings.common.listen == Place("0.0.0.0", 8443)
    assert settings.storage == f"sqlite:///{tmp_path}/data"
    assert (settings.limits.handling, settings.limits.idle_seconds) == (100, 12.5)
    assert settings.limits.streams == 8  # not named: as it is


def test_a_lookup_servers_and_a_relays_file(tmp_path):
    settings = read(tmp_path, "pir", PIR)
    assert settings.common.listen == Place("::", 8443)
    assert (settings.folder, settings.workers) == (tmp_path / "tables", 4)
    assert settings.records == 1_000_000
    more = read(tmp_path, "pir", PIR, {"PRESENCE_RECORDS": "2000000"})
    assert more.records == 2_000_000
    relay = 'deployment = "deployment.presence"\nkeys = "keys"\nlisten = "0.0.0.0:443"'
    settings = read(tmp_path, "relay", relay + "\n[limits]\nconnections = 7")
    assert settings.limits.connections == 7
    assert settings.common.admin == Place("127.0.0.1", 0)


def test_the_environment_comes_last(tmp_path):
    environ = {"PRESENCE_LISTEN": "127.0.0.1:1", "PRESENCE_WORKERS": "2"}
    settings = read(tmp_path, "pir", PIR, environ)
    assert settings.common.listen == Place("127.0.0.1", 1)
    assert settings.workers == 2


def test_all_problems_are_said_at_once(tmp_path):
    text = """
    deployment = "nothing"
    keys = 5
    listen = "example.org:443"
    admin = "0.0.0.0:9443"
    storage = "mysql://user:hunter2@db"
    colour = "red"
    [limits]
    handling = 0
    reading = 1.5
    speed = 3
    """
    said = problems(tmp_path, "registrar", text)
    for words in (
        "wrong in 9 places",
        "deployment names nothing",
        "keys is text",
        "listen has a numeric address",
        "admin must be on 127.0.0.1",
        "storage: expected a storage of the form",
        "colour is not a setting",
        "limits.handling is a whole number",
        "limits.reading is a whole number",
        "limits.speed is not a limit",
    ):
        assert words in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("workers = 4", "workers = 0"), "workers is a whole number"),
        (("workers = 4", "workers = true"), "workers is a whole number"),
        (("workers = 4", "records = 0"), "records is a whole number"),
        (('kernel = "numpy"', 'kernel = "numba"'), "kernel is one of"),
        (('peer_listen = "0.0.0.0:8444"', ""), "peer_listen is missing"),
        (('folder = "tables"', 'folder = ""'), "folder is text"),
        (('folder = "tables"', 'folder = "~nosuchuser/t"'), "folder starts in a home"),
        (('listen = "[::]:8443"', 'listen = "8443"'), "listen has the form"),
        (("workers = 4", "storage = 'sqlite:///x'"), "storage is not a setting"),
        (("workers = 4", "limits = 4"), "limits is a table"),
    ],
)
def test_each_value_is_checked(tmp_path, change, words):
    assert words in problems(tmp_path, "pir", PIR.replace(*change))


def test_files_that_are_no_settings(tmp_path):
    assert "not TOML" in problems(tmp_path, "pir", "listen = ")
    with pytest.raises(InputError, match="expected a settings file"):
        read_settings("pir", tmp_path / "none", {})
    with pytest.raises(InputError, match="registrar, pir, relay"):
        read_settings("mailer", tmp_path / "none", {})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@hunter2:word@host/d?files=f",  # as a port, not a number
        "postgresql://user:hunter2@host:hunter2/d?files=f",
        "postgresql+psycopg://user:hunter2@host/d?files=f",
        "postgresql://user:hunter2@host/d",
        "postgresql://user:hunter2@host/d?files=",
        "sqlite:///",
    ],
)
def test_the_check_refuses_the_storages_that_cannot_be_opened(tmp_path, url):
    said = problems(tmp_path, "registrar", REGISTRAR.replace("sqlite:///data", url))
    assert "postgresql://user@host/database?files=folder" in said
    assert "hunter2" not in said
    with pytest.raises(InputError) as caught:
        open_storage(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_password_does_not_show(tmp_path):
    text = REGISTRAR.replace("sqlite:///data", "postgresql://u:hunter2@h/d?files=f")
    assert "hunter2" not in repr(read(tmp_path, "registrar", text))
