"""Terminals, pipes and memory that are not as one wishes: a sentence, no traceback."""

import io
import os
import sys

import nacl.exceptions
import pytest

from private_presence.client import vault
from private_presence.client.summary import Summary
from private_presence.commands import _people, online
from private_presence.commands._people import passphrase, text_from
from private_presence.commands._screen import Lines
from private_presence.errors import InputError

from .test_online import NoNetwork
from .test_people import CODE, befriend, device_of


class Terminal(io.StringIO):
    """What somebody types, up to Ctrl-D."""

    def isatty(self):
        return True


def bytes_typed(data, encoding="utf-8"):
    return io.TextIOWrapper(io.BytesIO(data), encoding=encoding, errors="strict")


def test_the_end_of_input_at_a_passphrase_is_told(monkeypatch):
    def ended(question):
        raise EOFError

    monkeypatch.delenv("PRESENCE_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr(_people, "_has_terminal", lambda: True)
    monkeypatch.setattr(_people.getpass, "getpass", ended)
    with pytest.raises(InputError, match="expected a passphrase"):
        passphrase()


@pytest.mark.parametrize(
    ("typed", "text"),
    [("one\ntwo\n\nthree", "one\ntwo\n"), ("one", "one"), ("", ""), ("a\n \nb", "a\n")],
)
def test_a_pasted_text_ends_at_an_empty_line_or_the_end(monkeypatch, typed, text):
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert text_from(None, "the text") == text


def test_bytes_that_are_no_text_are_refused_as_a_slip_is(person, monkeypatch):
    bob = person("bob")
    bob("request")
    monkeypatch.setattr(
        "private_presence.commands.tests.people.Pipe",
        lambda typed: bytes_typed(b"\xff\xfe\x80abc"),
    )
    bob("accept", "alice", status=1)
    assert "copy all of it" in bob.refused


def test_a_note_that_is_no_text_is_refused(person):
    alice = person("alice")
    alice("online", "--status", os.fsdecode(b"\xff\xfe"), status=1)
    assert "expected a note" in alice.refused


def test_too_little_memory_is_told(person, monkeypatch):
    alice = person("alice")

    def none_left(*_, **__):
        raise nacl.exceptions.RuntimeError("ENOMEM")

    monkeypatch.setattr(vault.argon2id, "kdf", none_left)
    alice("friends", status=1)
    assert "of memory" in alice.refused


def latin(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    return out.buffer


def test_a_terminal_without_blocks_gets_no_qr_code_and_nothing_is_made(
    person, monkeypatch
):
    bob = person("bob")
    latin(monkeypatch)
    bob("request", "--qr", status=1)
    assert "--png" in bob.refused
    assert not (bob.home / "requests").exists()


def test_a_name_that_a_terminal_cannot_show_is_no_error(person, monkeypatch):
    alice, bob = person("alice"), person("bob")
    befriend(alice, bob, reader_calls="\u0394")
    shown = latin(monkeypatch)
    bob("friends")
    assert b"\n  ?\n" in shown.getvalue()


def test_requests_that_were_damaged_can_be_deleted(person):
    bob = person("bob")
    bob("request")
    file = bob.home / "requests"
    file.write_bytes(file.read_bytes()[:-3] + b"abc")
    bob("request", status=1)
    assert f"in {file}; got something else: delete that file" in bob.refused
    file.unlink()
    bob("request")


def test_who_is_online_into_a_pipe_ends_with_its_reader(person, monkeypatch):
    """As under ``head -1``; nothing new need be written for it."""
    monkeypatch.setattr(online, "HttpsTransport", NoNetwork)
    monkeypatch.setattr(online, "REDRAW", 0.01)
    alice = person("alice")
    alice("enroll", "--code", CODE)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        os.close(reader)
        alice("online", "--no-view", "--for", "600")
    assert not device_of(alice)[2].wish.visible


def test_lines_reach_a_pipe_at_once(monkeypatch):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe, os.fdopen(reader, "rb", 0) as end:
        monkeypatch.setattr(sys, "stdout", pipe)
        nobody = Summary((), 0, False, "of this test", "active", True, (), 1, 0.0)
        Lines().show(nobody, 0.0)
        assert b"You are invisible" in end.read(100)
