"""The demo's parts, without its processes."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from private_presence import cli
from private_presence.client.device import Sight
from private_presence.client.transport import Answered, Link, Transport
from private_presence.commands import demo
from private_presence.demo import processes, story
from private_presence.demo.figures import byte_table, time_lines
from private_presence.demo.meter import Exchange, Meter
from private_presence.demo.people import befriend, make_person
from private_presence.demo.profile import CONSTANTS, check_profile, constants, is_busy
from private_presence.demo.stage import enrol, found, free_ports
from private_presence.demo.story import Outcome
from private_presence.demo.watch import Model, Watch
from private_presence.errors import ConfigError, PeerError
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.circle import member_names
from private_presence.protocol.tests.world import deployment
from private_presence.server.clock import ManualClock
from private_presence.server.settings import read_settings
from private_presence.server.storage import open_storage

NOW = 1_800_000_001.0
RNG = SeededRandomness("demo")
CONFIG = deployment(**{**CONSTANTS, "buckets": 150, "max_friends": 100})


@pytest.mark.parametrize(
    ("name", "quarter"),
    [("lt_close_ms", 2_000), ("st_close_ms", 500), ("skew_ms", 2000)],
)
def test_every_delta_is_below_a_quarter_of_its_epoch(name, quarter):
    check_profile(CONFIG)
    check_profile(replace(CONFIG, **{name: quarter - 1}))
    for value in (0, quarter):
        with pytest.raises(ConfigError, match="a quarter of its epoch"):
            check_profile(replace(CONFIG, **{name: value}))


@pytest.mark.parametrize("busy", [False, True])
def test_both_paces_keep_the_rule(busy):
    check_profile(replace(CONFIG, **constants(busy=busy)))


@pytest.mark.parametrize(
    ("step", "load", "busy"),
    [(0.001, 1.0, False), (0.01, 1.0, True), (0.001, 3.0, True)],
)
def test_a_busy_machine_is_noticed(step, load, busy):
    times = iter(step * i / 2 for i in range(10_000))
    assert is_busy(lambda: None, load, lambda: next(times)) is busy


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    return folder, found(folder, NOW, RNG)


def test_the_stage_is_one_that_servers_accept(stage):
    folder, made = stage
    assert [server.name for server in made.servers] == [
        "registrar",
        "pir0",
        "pir1",
        "relay",
    ]
    for server in made.servers:
        settings = read_settings(server.role, server.settings, {})
        assert settings.common.listen.port == server.port
        assert settings.common.deployment == folder / "deployment"
        words = ["serve", server.role, "--settings", str(server.settings), "--check"]
        assert cli.main(words) == 0
    parties = made.deployment.directory.parties
    assert len({party.anchor for party in parties}) == 3
    assert made.deployment.directory.relay.anchor not in {p.anchor for p in parties}


def test_accounts_are_enrolled(stage):
    _, made = stage
    enrol(made, [bytes(range(32)), bytes(32)])
    storage = open_storage(made.storage)
    try:
        assert storage.count_accounts() == 2
    finally:
        storage.close()


def test_people_befriend_each_other(stage, tmp_path):
    _, made = stage
    alice, bob = (make_person(n, tmp_path, made, NOW, RNG) for n in ("alice", "bob"))
    request, invitation = asyncio.run(befriend(alice, bob, RNG))
    assert request.startswith("PRESENCE-REQUEST")
    assert invitation.startswith("PRESENCE-INVITATION")
    circle = asyncio.run(alice.look()).client.circles[0]
    assert member_names(circle) == {"bob"}
    assert [f.name for f in asyncio.run(bob.look()).client.friends] == ["alice"]


def test_ports_are_free_and_different():
    ports = free_ports(20)
    assert len(set(ports)) == 20


# --- watching


@dataclass
class Puppet:
    """A reader whose sights a test sets."""

    name: str
    shown: dict

    async def sights(self):
        return self.shown


class EachLook(Puppet):
    """Looks up the next epoch every time it is asked."""

    def __init__(self, name, friend, clock, online):
        super().__init__(name, {})
        self.friend, self.clock, self.online = friend, clock, online

    async def sights(self):
        await self.clock.advance(2.0)
        t = int(self.clock.now() // 2)
        return {self.friend: Sight(self.friend, 1, t, online=self.online)}


def watch(people, clock, hidden=()):
    names = tuple(person.name for person in people)
    model = Model(names, dict(hidden))
    return Watch(people, model, CONFIG, clock, asyncio.Event(), NOW + 60.0)


@pytest.mark.parametrize("online", [True, False])
def test_agreement_is_what_the_model_says_twice(online):
    clock = ManualClock(NOW)
    people = [EachLook(a, b, clock, online) for a, b in (("a", "b"), ("b", "a"))]
    assert asyncio.run(watch(people, clock).agreed()) is online


def test_old_sights_do_not_count():
    async def run():
        clock = ManualClock(NOW)
        t = int(NOW // 2)
        shown = {"b": Sight("b", 1, t, online=True)}
        watching = watch([Puppet("a", shown)], clock)
        fresh = await watching.seen()
        await clock.advance(4.0)
        return fresh, await watching.seen()

    fresh, old = asyncio.run(run())
    assert fresh[0] == {("b", "a"): True}
    assert old[0] == {("b", "a"): False}


@pytest.mark.parametrize(("late", "wrong"), [(-1, 0), (0, 1), (3, 1)])
def test_a_sight_that_the_model_forbids_is_noted(late, wrong):
    t = int(NOW // 2)
    people = [Puppet("a", {"b": Sight("b", 1, t + late, online=True)})]
    watching = watch(people, ManualClock(NOW), {("b", "a"): t}.items())
    asyncio.run(watching.seen())
    assert len(watching.wrong) == wrong


# --- figures


class Echo(Transport):
    def connect(self, party, *, via_relay):
        class Here(Link):
            async def __aenter__(self):
                return self

            async def __aexit__(self, *_):
                return None

            async def exchange(self, method, path, body, limit):
                return Answered(200 if path.startswith("/v1") else 404, body * 2, None)

        return Here()


def test_the_meter_counts_what_goes_over_a_transport():
    meter = Meter()

    async def run():
        async with meter.over(Echo()).connect(0, via_relay=True) as link:
            await link.exchange("POST", "/v1/register/st/12", b"123", 10)
            await link.exchange("POST", "/elsewhere", b"123", 10)

    asyncio.run(run())
    (exchange,) = meter.exchanges
    assert (exchange.what, exchange.up, exchange.down) == ("register/st", 3, 6)
    assert exchange.via_relay
    assert exchange.seconds >= 0


def test_the_table_of_bytes_is_made_of_the_formulas():
    meter = Meter()
    for what, up, down in (("register/lt", 693, 103), ("pir/st", 546, 19_300)):
        path = f"/v1/{what}/7"
        meter.note("POST", path, Exchange("", False, up, down, 0.01))
    lines = byte_table([meter], replace(CONFIG, servers=CONFIG.servers[:2], privacy=1))
    text = "\n".join(" ".join(line.split()) for line in lines)
    assert "registration, long term 796 B 796 B 9,009 B" in text
    assert "registration, short term none 169 B" in text
    assert "lookup, long term none 230,432 B 20,238,337 B" in text
    assert "lookup, short term 39,692 B 96,032 B 1,573,352 B" in text
    assert len(set(map(len, lines[:-1]))) == 1


def test_times_are_measured_now():
    (line,) = time_lines([Meter()], CONFIG, RNG)
    assert "by a blinded key" in line
    assert "by a pairing as in DP5" in line


# --- its length


def test_servers_that_do_not_open_are_not_waited_for_longer_than_there_is_time(
    tmp_path, monkeypatch
):
    asked = []

    @asynccontextmanager
    async def serving(servers, folder, patience):
        asked.append(patience)
        raise PeerError("they do not open")
        yield

    monkeypatch.setattr(story, "serving", serving)
    monkeypatch.setattr(story, "is_busy", lambda *_: False)
    for seconds, name in ((30, "short"), (90, "long")):
        (tmp_path / name).mkdir()
        clock = Late(NOW)  # founding takes its time
        playing = story.play(tmp_path / name, seconds, clock, RNG, lambda _: None)
        with pytest.raises(PeerError, match="do not open"):
            asyncio.run(playing)
    assert 0 < asked[0] < 30 - story.CLOSING
    assert asked[1] == processes.START_SECONDS


class Late(ManualClock):
    """Each reading is a second after the one before."""

    def now(self):
        self._now += 1
        return self._now


def test_the_time_for_starting_is_over_and_said(tmp_path):
    server = SimpleNamespace(name="registrar", port=1)
    process = SimpleNamespace(returncode=None)
    waiting = processes._until_open(server, process, tmp_path, 0.0)
    with pytest.raises(PeerError, match="within 0 s"):
        asyncio.run(waiting)


# --- the command


@pytest.mark.parametrize("seconds", ["29", "nan", "soon", "1e9"])
def test_a_senseless_length_is_refused(seconds, capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main(["demo", "--seconds", seconds])
    assert leaving.value.code == 2
    assert "a number from 30 to 3600" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outcome", "status", "word"),
    [
        (Outcome(3, 3, 0), 0, "Seen, and in agreement with the model"),
        (Outcome(2, 3, 0), 0, "2 of 3 acts"),
        (Outcome(0, 3, 0), 1, "0 of 3 acts"),
        (Outcome(3, 3, 1), 1, "this is a fault"),
    ],
)
def test_the_last_line_and_the_status(monkeypatch, capsys, outcome, status, word):
    async def play(*_):
        return outcome

    monkeypatch.setattr(demo, "_play", play)
    assert cli.main(["demo"]) == status
    assert word in capsys.readouterr().out.splitlines()[-1]
