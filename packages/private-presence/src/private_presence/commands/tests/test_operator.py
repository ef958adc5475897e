"""Founding a deployment among operators who trust nobody, and keeping it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from private_presence.cli import main
from private_presence.commands.operator_ceremony import (
    combine,
    endorse,
    propose,
    renew,
)
from private_presence.commands.operator_files import (
    Proposal,
    decode_endorsement,
    decode_introduction,
    decode_proposal,
    encode_endorsement,
    encode_proposal,
)
from private_presence.commands.operator_folder import OperatorFolder
from private_presence.commands.operator_keys import (
    introduce,
    make_operator,
    rotate_leaf,
)
from private_presence.errors import (
    ConflictError,
    InputError,
    PresenceError,
    StateError,
    VerificationError,
)
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.deployment import decode_deployment

NOW = 1_800_000_000.0
RNG = SeededRandomness("operator")
NAMES = ("r", "p0", "p1")


@pytest.fixture
def operators(tmp_path):
    """Introductions of R, two P and a relay, whose folders have these names."""
    made = [make_operator(tmp_path / "r", "registrar", "r.example:443", "", NOW, RNG)]
    for i in range(2):
        place, peer = f"p{i}.example:443", f"p{i}.example:8444"
        made.append(make_operator(tmp_path / f"p{i}", "pir", place, peer, NOW, RNG))
    relay = make_operator(
        tmp_path / "relay", "relay", "relay.example:443", "", NOW, RNG
    )
    return [*made, relay]


def sign_all(folder, proposal):
    return [endorse(folder / name, proposal, RNG) for name in NAMES]


def test_four_operators_found_a_deployment(tmp_path, operators):
    proposal = propose(operators, {"mode": "dpf", "retain": 9})
    read = decode_proposal(encode_proposal(proposal))
    assert read == proposal
    signed = sign_all(tmp_path, read)
    sent = [decode_endorsement(encode_endorsement(each)) for each in reversed(signed)]
    deployment = decode_deployment(combine(read, sent))
    config, directory = deployment.config, deployment.directory
    assert (config.mode, config.retain, config.privacy) == ("dpf", 9, 1)
    assert [party.address for party in directory.parties] == [
        "r.example:443", "p0.example:443", "p1.example:443"]  # fmt: skip
    assert directory.relay == operators[3].party


def test_without_one_signature_there_is_no_deployment(tmp_path, operators):
    proposal = propose(operators, {})
    signed = sign_all(tmp_path, proposal)
    with pytest.raises(InputError, match="server 1"):
        combine(proposal, signed[:2])
    other = propose(operators, {"retain": 9})
    foreign = sign_all(tmp_path, other)
    with pytest.raises(VerificationError):
        combine(proposal, [*signed[:2], foreign[2]])


def test_each_refuses_a_proposal_that_is_wrong_about_her(tmp_path, operators):
    good = propose(operators, {})
    parties = good.directory.parties
    moved = replace(parties[1], address="evil.example:443")
    wrong_place = replace(good.directory, parties=(parties[0], moved, parties[2]))
    swapped = propose([operators[0], operators[2], operators[1]], {})
    swapped = Proposal(swapped.config, replace(swapped.directory, parties=parties))
    shared = replace(parties[2], anchor=parties[1].anchor)
    dependent = replace(good.directory, parties=(*parties[:2], shared))
    relayed = replace(good.directory, relay=replace(parties[0], peer=""))
    foreign = replace(good.directory, dep_id=bytes(16))
    for proposal, words in (
        (replace(good, directory=wrong_place), "another address"),
        (swapped, "another address"),
        (replace(good, directory=dependent), "one operator"),
        (replace(good, directory=relayed), "one operator"),
        (replace(good, directory=foreign), "another configuration"),
    ):
        with pytest.raises(VerificationError, match=words):
            endorse(tmp_path / "p0", proposal, RNG)
    # Keys of another operator in her place.
    stranger = make_operator(
        tmp_path / "s", "pir", "p0.example:443", "p0.example:8444", NOW, RNG
    )
    without = propose([operators[0], stranger, operators[2]], {})
    with pytest.raises(VerificationError, match="does not have this operator's key"):
        endorse(tmp_path / "p0", without, RNG)
    assert OperatorFolder(tmp_path / "p0").signed() == {}


def test_nobody_signs_two_directories_with_one_serial(tmp_path, operators):
    proposal = propose(operators, {})
    first = endorse(tmp_path / "p0", proposal, RNG)
    again = endorse(tmp_path / "p0", proposal, RNG)  # the same one, as often as wanted
    assert again.key == first.key
    parties = proposal.directory.parties
    moved = replace(parties[0], address="r2.example:443")
    other = replace(proposal.directory, parties=(moved, *parties[1:]))
    with pytest.raises(ConflictError, match="next serial"):
        endorse(tmp_path / "p0", replace(proposal, directory=other), RNG)


def test_an_address_changes_and_the_name_stays(tmp_path, operators):
    proposal = propose(operators, {})
    before = decode_deployment(combine(proposal, sign_all(tmp_path, proposal)))
    folder = tmp_path / "p1"
    with pytest.raises(StateError, match="on a copy"):
        introduce(folder, "new.example:443", "new.example:1", NOW, RNG)
    for name in ("introduction.presence", "authority.pem", "leaf.pem"):
        (folder / name).unlink()
    fresh = introduce(folder, "new.example:443", "new.example:1", NOW, RNG)
    changed = renew(before, [fresh])
    after = decode_deployment(combine(changed, sign_all(tmp_path, changed)))
    assert after.config.dep_id == before.config.dep_id
    assert after.directory.serial == 2
    assert after.directory.parties[2].address == "new.example:443"
    assert after.directory.parties[:2] == before.directory.parties[:2]
    with pytest.raises(ConflictError):  # the old one is not signed again
        endorse(tmp_path / "p0", proposal, RNG)


def test_introductions_are_signed_and_bounded(tmp_path, operators):
    data = (tmp_path / "p0" / "introduction.presence").read_bytes()
    assert decode_introduction(data) == operators[1]
    for at in range(0, len(data), 7):
        for wrong in (data[:at], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]):
            with pytest.raises(PresenceError):
                decode_introduction(wrong)


def test_roles_and_constants_must_fit(operators):
    for some in (operators[1:], operators[:1], [*operators, operators[3]]):
        with pytest.raises(InputError, match="one registrar"):
            propose(some, {})
    with pytest.raises(InputError, match="colour"):
        propose(operators, {"colour": 1})
    with pytest.raises(InputError, match="registrar"):
        propose(operators, {"registrar": bytes(32)})


def test_secrets_stay_secret(tmp_path, operators):
    files = OperatorFolder(tmp_path / "r")
    keys = files.keys()
    for secret in (keys.signing, keys.issuer, keys.issuer_root):
        assert len(secret) >= 32
        assert secret not in files.introduction_file.read_bytes()
    assert files.keys_file.stat().st_mode & 0o077 == 0
    assert keys.issuer_root.hex() not in repr(keys)
    assert len(operators[0].party.anchor) > 100
    with pytest.raises(StateError, match="already"):
        make_operator(tmp_path / "r", "registrar", "r.example:443", "", NOW, RNG)
    with pytest.raises(InputError, match="peer"):
        make_operator(tmp_path / "x", "pir", "r.example:443", "", NOW, RNG)


def test_a_leaf_is_renewed_under_the_same_authority(tmp_path, operators):
    files = OperatorFolder(tmp_path / "p0")
    before = files.leaf.read_bytes()
    rotate_leaf(files.folder, NOW + 86_400, RNG)
    assert files.leaf.read_bytes() != before
    assert files.introduction().party == operators[1].party


def run(*words):
    assert main([str(word) for word in words]) == 0


def test_the_same_by_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("operator", "keys", "--role", "registrar", "--folder", "r",
        "--address", "127.0.0.1:1")  # fmt: skip
    for i in range(2):
        run("operator", "keys", "--role", "pir", "--folder", f"p{i}",
            "--address", f"127.0.0.1:{2 + i}", "--peer", f"127.0.0.1:{4 + i}")  # fmt: skip
    sent = [f"{name}/introduction.presence" for name in NAMES]
    capsys.readouterr()
    run("operator", "propose", *sent, "--set", "retain=3", "--out", "proposal")
    name = capsys.readouterr().out.split()[-1]
    run("operator", "show", "proposal")
    shown = capsys.readouterr().out
    assert name in shown
    assert "retain = 3" in shown
    assert "server 1: 127.0.0.1:3, for servers 127.0.0.1:5" in shown
    words = ["operator", "sign", "--folder", "r", "--proposal", "proposal"]
    assert main([*words, "--name", "0" * 32, "--out", "r.sig"]) == 1
    assert "another name than was agreed" in capsys.readouterr().err
    for each in NAMES:
        run("operator", "sign", "--folder", each, "--proposal", "proposal",
            "--name", name, "--out", f"{each}.sig")  # fmt: skip
    run("operator", "combine", "--proposal", "proposal",
        *[f"{each}.sig" for each in NAMES], "--out", "deployment")  # fmt: skip
    run("operator", "show", "deployment")
    assert "signed by all" in capsys.readouterr().out
    settings = Path("registrar.toml")
    lines = {"deployment": "deployment", "keys": "r", "listen": "127.0.0.1:1",
             "storage": f"sqlite:///{tmp_path}/memory"}  # fmt: skip
    settings.write_text(
        "\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items())
    )
    capsys.readouterr()
    run("operator", "account", "add", "--settings", settings)
    code = capsys.readouterr().out.strip()
    assert len(bytes.fromhex(code)) == 32
    run("operator", "backup", "--settings", settings, "copy")
    Path("code").write_text(code)
    run("operator", "account", "remove", "--settings", settings, "--code-file", "code")
    capsys.readouterr()
    run("operator", "account", "list-count", "--settings", settings)
    assert capsys.readouterr().out == "0\n"
    Path("memory").rename("old")
    run("operator", "restore", "--settings", settings, "copy")
    capsys.readouterr()
    run("operator", "account", "list-count", "--settings", settings)
    assert capsys.readouterr().out == "1\n"
    run("serve", "registrar", "--settings", settings, "--check")
