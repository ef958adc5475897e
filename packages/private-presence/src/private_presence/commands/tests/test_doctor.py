"""The doctor's questions, each with an answer that is good and one that is not."""

import asyncio
import stat
from contextlib import asynccontextmanager

import pytest

from private_presence.cli import main
from private_presence.client.transport import Answered
from private_presence.commands.doctor_checks import (
    Finding,
    check_manifests,
    check_network,
    check_times,
)
from private_presence.commands.operator_ceremony import (
    combine,
    endorse,
    make_operator,
    propose,
    renew,
)
from private_presence.errors import PeerError
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.deployment import decode_deployment
from private_presence.protocol.epochs import Kind
from private_presence.server.clock import SystemClock

NOW = SystemClock().now()
RNG = SeededRandomness("doctor")
NAMES = ("r", "p0", "p1")


@pytest.fixture
def world(tmp_path):
    """A deployment's file, and the same with a newer directory."""
    made = [make_operator(tmp_path / "r", "registrar", "127.0.0.1:1", "", NOW, RNG)]
    for i in (0, 1):
        place, peer = f"127.0.0.1:{2 + i}", f"127.0.0.1:{4 + i}"
        made.append(make_operator(tmp_path / f"p{i}", "pir", place, peer, NOW, RNG))
    files = []
    proposal = propose(made, {})
    for _ in range(2):
        signed = [endorse(tmp_path / name, proposal, RNG) for name in NAMES]
        files.append(combine(proposal, signed))
        proposal = renew(decode_deployment(files[0]), [])
    (tmp_path / "deployment").write_bytes(files[0])
    return files


class Scripted:
    """A transport whose parties answer by a function, or are away."""

    def __init__(self, answer):
        self.answer = answer

    @asynccontextmanager
    async def connect(self, party, *, via_relay):
        yield self
        self.party = party

    async def exchange(self, method, path, body, limit):
        return self.answer(path)


def test_a_finding_is_one_line():
    assert str(Finding("disk", True, "2 GB free")) == "ok   disk: 2 GB free"


@pytest.mark.parametrize(
    ("ahead", "good"),
    [([0.2, -0.3, 0.1], True), ([4.0, 5.0, 6.0], True), ([0.0, 0.1, 900.0], True),
     ([9.0, 8.0, 7.0], False), ([-9.0, -8.0, 0.0], False), ([], False)],
)  # fmt: skip
def test_the_clock_is_judged_by_the_median(world, ahead, good):
    finding = check_times(decode_deployment(world[0]), ahead)
    assert finding.good is good


def ask(world, answer):
    findings = asyncio.run(
        check_network(decode_deployment(world[0]), Scripted(answer), lambda: NOW)
    )
    return {finding.what: finding for finding in findings}


def test_parties_that_answer_with_this_deployment_are_well(world):
    found = ask(world, lambda path: Answered(200, world[0], NOW))
    assert found["registrar"].good
    assert found["server 1"].good
    assert found["clock"].good
    assert not found["registrar certificate"].good  # nobody listens on port 1


def test_a_newer_directory_garbage_and_absence_are_told(world):
    assert "presence init" in ask(world, lambda p: Answered(200, world[1], NOW))[
        "registrar"].text  # fmt: skip
    assert not ask(world, lambda p: Answered(200, b"garbage", NOW))["server 0"].good
    assert "503" in ask(world, lambda p: Answered(503, b"", NOW))["server 0"].text

    def away(path):
        raise PeerError("nobody there")

    found = ask(world, away)
    assert not any(finding.good for finding in found.values())
    assert "no server told" in found["clock"].text


def test_a_manifest_without_all_signatures_is_an_alarm(world):
    deployment = decode_deployment(world[0])
    script = Scripted(lambda path: Answered(200, b"\x82\x41a\x80", NOW))
    finding = asyncio.run(check_manifests(deployment, script, Kind.ST, NOW))
    assert not finding.good
    assert "tell all operators" in finding.text
    script = Scripted(lambda path: Answered(404, b"", NOW))
    finding = asyncio.run(check_manifests(deployment, script, Kind.ST, NOW))
    assert "not served by all" in finding.text


def settings(tmp_path, **changes):
    lines = {"deployment": "deployment", "keys": "r", "listen": "127.0.0.1:1",
             "storage": f"sqlite:///{tmp_path}/memory"} | changes  # fmt: skip
    file = tmp_path / "r.toml"
    file.write_text("\n".join(f'{name} = "{value}"' for name, value in lines.items()))
    return ["doctor", "--settings", str(file), "--role", "registrar"]


def test_a_server_looks_at_its_own_machine(tmp_path, world, capsys):
    assert main(settings(tmp_path)) == 1  # nobody is running
    lines = capsys.readouterr().out.splitlines()
    for line in (
        "ok   settings: are whole",
        "ok   keys: fit the deployment",
        "ok   own certificate: ends in 30.0 days",
        "ok   secret files: are readable by their owner only",
        "ok   storage: answers, with 0 accounts",
    ):
        assert line in lines
    assert any(line.startswith("ok   disk:") for line in lines)
    assert any(line.startswith("fix  registrar:") for line in lines)


def test_a_server_with_the_wrong_files_is_told(tmp_path, world, capsys):
    main(settings(tmp_path, keys="p0"))
    assert "fix  keys: are a pir's" in capsys.readouterr().out
    leaf = tmp_path / "r" / "leaf.pem"
    leaf.chmod(stat.S_IRUSR | stat.S_IROTH)
    main(settings(tmp_path))
    assert "leaf.pem can be read by others: chmod 600" in capsys.readouterr().out
    leaf.write_text("nothing")
    main(settings(tmp_path))
    assert "fix  own certificate: expected a certificate" in capsys.readouterr().out
    main(settings(tmp_path, storage="sqlite:////proc/none"))
    assert "fix  storage:" in capsys.readouterr().out


def test_without_a_deployment_file_it_says_how_to_get_one(tmp_path, capsys):
    assert main(["doctor", "--deployment", str(tmp_path / "none")]) == 1
    assert "presence init --deployment" in capsys.readouterr().out
    (tmp_path / "bad").write_bytes(b"bad")
    assert main(["doctor", "--deployment", str(tmp_path / "bad")]) == 1
    assert capsys.readouterr().out.startswith("fix  deployment file:")
    assert main(["doctor", "--role", "pir"]) == 1


def test_findings_do_not_show_addresses(world):
    def away(path):
        raise PeerError("nobody there")

    for finding in ask(world, away).values():
        assert "127.0.0.1" not in str(finding)
