"""``presence online`` and ``withdraw``, with a network that is not there."""

import signal
import threading
from contextlib import asynccontextmanager

import pytest

from private_presence.client.transport import Transport
from private_presence.commands import online, withdraw
from private_presence.errors import PeerError

from .test_people import CODE, befriend, device_of


class NoNetwork(Transport):
    def __init__(self, deployment):
        pass

    @asynccontextmanager
    async def connect(self, party, *, via_relay):
        raise PeerError("nobody answers")
        yield


@pytest.fixture
def alice(person, monkeypatch):
    for module in (online, withdraw):
        monkeypatch.setattr(module, "HttpsTransport", NoNetwork)
    alice, bob = person("alice"), person("bob")
    befriend(bob, alice, "alice", "bob")
    return alice


def test_online_wants_an_account(alice):
    alice("online", "--for", "0.1", status=1)
    assert "presence enroll" in alice.refused


def test_online_shows_lines_and_ends_by_itself(alice):
    alice("enroll", "--code", CODE)
    said = alice("online", "--for", "0.3", "--status", "at lunch")
    assert "You are invisible: no LT record was published yet." in said
    assert "bob  offline  looked up never" in said
    assert said.count("bob") == 1  # told once, not each second
    assert not device_of(alice)[2].wish.visible


def test_online_says_what_no_relay_means(alice):
    alice("enroll", "--code", CODE)
    said = alice("online", "--for", "0.1", "--invisible")
    assert "can link your registrations by network address" in said
    assert "You are invisible: this device is not online." in said


def test_a_long_note_is_refused(alice):
    alice("online", "--status", "x" * 46, status=1)
    assert "at most 45 bytes" in alice.refused


def test_an_interrupt_ends_it_in_order(alice):
    alice("enroll", "--code", CODE)
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    alice("online", "--for", "20")
    timer.join()
    assert not device_of(alice)[2].wish.visible


def test_the_table_is_drawn(alice, monkeypatch):
    monkeypatch.setattr(online.sys.stdout, "isatty", lambda: True, raising=False)
    alice("enroll", "--code", CODE)
    assert "offline" in alice("online", "--for", "0.2")


def test_nothing_is_withdrawn_where_nothing_is_on_its_way(alice):
    alice("withdraw", status=1)
    assert "nothing to withdraw" in alice.refused
    alice("withdraw", "--circle", "3", status=1)
    assert "circles 0 to 0 exist" in alice.refused
