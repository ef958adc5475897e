"""Commands of people, from the words to the files."""

import os
import stat
import subprocess
import sys
from dataclasses import replace

import pytest

from private_presence import cli
from private_presence.client.device import Alarm, Evidence, Parcel, Purse, Wallet
from private_presence.client.home import home_of
from private_presence.client.requests import open_requests
from private_presence.client.vault import decode_header, vault_of_passphrase
from private_presence.commands._people import device_in
from private_presence.primitives.secret import Secret
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.circle import member_names
from private_presence.protocol.tests.world import deployment

from .people import deployment_file

CODE = "5a" * 32


def device_of(person):
    home = home_of(str(person.home), {"XDG_STATE_HOME": str(person.folder / "states")})
    header = decode_header(home.state.read_bytes())
    words = Secret(b"correct horse battery")
    vault = vault_of_passphrase(words, SeededRandomness("look"), header=header)
    return home, vault, device_in(home, vault)


def change(person, step):
    home, vault, device = device_of(person)
    home.store(vault).save(step(device))


def befriend(owner, reader, owner_calls="reader", reader_calls="owner"):
    request = reader("request")
    invitation = owner("invite", owner_calls, "--nonce", request)
    reader("accept", reader_calls, typed=invitation)
    return request, invitation


def test_init_makes_a_sealed_device_for_its_owner_only(person, config):
    alice = person("alice")
    assert config.dep_id.hex() in alice.said
    for name in ("state", "deployment"):
        assert stat.S_IMODE(os.stat(alice.home / name).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(alice.home).st_mode) == 0o700
    assert (alice.folder / "states" / "presence" / "CACHEDIR.TAG").exists()
    _, _, device = device_of(alice)
    assert device.client.dep_id == config.dep_id
    assert device.client.circles[0].members == ()


def test_init_again_takes_a_newer_directory_and_keeps_the_keys(
    person, config, tmp_path
):
    alice, file = person("alice"), tmp_path / "other"
    before = device_of(alice)[2]
    file.write_bytes(deployment_file(config, serial=2))
    assert "directory 2: taken" in alice("init", "--deployment", file)
    file.write_bytes(deployment_file(config, serial=1))
    assert "directory 2: not newer" in alice("init", "--deployment", file)
    file.write_bytes(deployment_file(deployment(retain=7)))
    alice("init", "--deployment", file, status=1)
    assert "another deployment" in alice.refused
    assert device_of(alice)[2] == before


def test_init_refuses_a_file_that_is_no_deployment(person, tmp_path):
    alice, file = person("alice", joined=False), tmp_path / "nonsense"
    file.write_bytes(b"nonsense")
    alice("init", "--deployment", file, status=1)
    alice("init", "--deployment", tmp_path / "nothing", status=1)
    assert "No such file" in alice.refused
    assert not alice.home.exists()


@pytest.mark.parametrize("words", [["friends"], ["request"], ["suspend", "bob"]])
def test_without_a_device_a_command_says_what_to_do(person, words):
    nobody = person("nobody", joined=False)
    nobody(*words, status=1)
    assert "presence init" in nobody.refused


def test_enroll_keeps_the_code_sealed(person):
    alice = person("alice")
    alice("enroll", typed=f"  {CODE[:32].upper()}\n{CODE[32:]}\n")
    assert device_of(alice)[2].account == bytes.fromhex(CODE)
    assert bytes.fromhex(CODE) not in (alice.home / "state").read_bytes()
    assert CODE not in alice.said
    alice("enroll", "--code", "12ab", status=1)
    assert "12ab" not in alice.refused


def test_request_invite_accept(person):
    alice, bob = person("alice"), person("bob")
    request, invitation = befriend(alice, bob, "bob", "alice")
    assert request.startswith("PRESENCE-REQUEST-1:")
    assert request.count("\n") == invitation.count("\n") == 1
    assert "bob" in alice("friends")
    assert "You read 1 of at most 20:\n  alice\n0 can read you:\n" in bob("friends")
    bob("accept", "alice again", typed=invitation, status=1)
    assert "no open request" in bob.refused


def test_a_taken_name_is_not_replaced_without_asking(person):
    alice, bob, other = person("alice"), person("bob"), person("other")
    befriend(alice, bob, "bob", "alex")
    first = device_of(bob)[2].client.friends
    request = bob("request")
    invitation = other("invite", "bob", "--nonce", request)
    bob("accept", "alex", typed=invitation, status=1)
    assert "you read somebody of this name already" in bob.refused
    assert device_of(bob)[2].client.friends == first
    bob("accept", "alex", "--replace", typed=invitation)  # the request is still open
    (friend,) = device_of(bob)[2].client.friends
    assert friend.name == "alex"
    assert friend != first[0]


def test_an_old_invitation_is_accepted_with_a_warning(person):
    """A change of keys in an epoch that was looked up already is missed for good."""
    alice, bob = person("alice"), person("bob")
    request = bob("request")
    invitation = alice("invite", "bob", "--nonce", request)
    day = device_of(alice)[2].client.circles[0].epoch
    change(bob, lambda device: replace(device, looked_lt=day - 1))
    assert "made a while ago" not in bob("accept", "alice", typed=invitation)
    invitation = alice("invite", "bob again", "--nonce", bob("request"))
    change(bob, lambda device: replace(device, looked_lt=day))
    said = bob("accept", "alice", "--replace", typed=invitation)
    assert said.startswith("Accepted.")
    assert "made a while ago" in said
    assert "--replace" in said


def test_a_new_name_needs_no_replace(person):
    alice, bob = person("alice"), person("bob")
    request = bob("request")
    invitation = alice("invite", "bob", "--nonce", request)
    bob("accept", "alice", "--replace", typed=invitation)
    assert len(device_of(bob)[2].client.friends) == 1


def test_an_invitation_answers_one_request_and_no_other(person):
    alice, bob, carol = person("alice"), person("bob"), person("carol")
    request = bob("request")
    invitation = alice("invite", "bob", typed=request)
    carol("request")
    carol("accept", "alice", typed=invitation, status=1)
    assert "answers none of the open requests" in carol.refused
    bob("accept", "alice", typed=invitation.lower().replace("a", "a\n ", 3))
    assert len(device_of(bob)[2].client.friends) == 1


@pytest.mark.parametrize("damage", [lambda t: t[:-9], lambda t: t.replace("B", "C", 1)])
def test_a_slip_in_a_text_is_noticed(person, damage):
    alice, bob = person("alice"), person("bob")
    request = bob("request")
    alice("invite", "bob", "--nonce", damage(request), status=1)
    assert "copy all of it" in alice.refused
    invitation = alice("invite", "bob", "--nonce", request)
    bob("accept", "alice", typed=damage(invitation), status=1)
    bob("accept", "alice", typed=invitation)


def test_a_request_of_another_deployment_is_refused(person, tmp_path):
    alice, file = person("alice"), tmp_path / "elsewhere.deployment"
    file.write_bytes(deployment_file(deployment(retain=9)))
    stranger = person("stranger", joined=False)
    stranger("init", "--deployment", file)
    alice("invite", "x", "--nonce", stranger("request"), status=1)
    assert "another deployment" in alice.refused


def test_names_are_fit_for_a_terminal(person):
    alice = person("alice")
    for name in ("", " x", "x\x1b[2J", "x" * 65):
        alice("invite", name, "--nonce", "", status=1)
        assert "printable" in alice.refused
        assert "\x1b" not in alice.refused


def test_suspend_resume_revoke(person):
    alice, bob = person("alice"), person("bob")
    befriend(alice, bob, "bob", "alice")
    assert "next record" in alice("suspend", "bob")
    assert "bob  suspended: goes into the next record" in alice("friends")
    assert device_of(alice)[2].client.circles[0].suspended == ("bob",)
    alice("resume", "bob")
    assert device_of(alice)[2].client.circles[0].suspended == ()
    alice("revoke", "bob")
    assert "bob  being removed" in alice("friends")
    alice("resume", "bob", status=1)
    assert "is being removed" in alice.refused
    assert device_of(alice)[2].client.circles[0].revoking == ("bob",)
    alice("suspend", "nobody", status=1)
    assert "presence friends" in alice.refused
    assert "nobody of" in alice.refused


def test_an_invitation_after_an_exclusion_asks_for_a_new_generation(person):
    alice, bob = person("alice"), person("bob")

    def carried(device):
        circle = replace(device.client.circles[0], carried=True)
        return replace(device, client=replace(device.client, circles=(circle,)))

    change(alice, carried)
    request = bob("request")
    alice("invite", "bob", "--nonce", request, status=1)
    assert "a change is now asked for; stay online and try again after" in alice.refused
    circle = device_of(alice)[2].client.circles[0]
    assert circle.renew
    assert member_names(circle) == set()
    assert "takes new readers after its next change" in alice("friends")


def test_forget_a_friend(person):
    alice, bob = person("alice"), person("bob")
    befriend(alice, bob, "bob", "alice")
    bob("friends", "--forget", "alice")
    assert device_of(bob)[2].client.friends == ()
    bob("friends", "--forget", "alice", status=1)


def test_rekey_wants_to_be_sure(person):
    alice, bob = person("alice"), person("bob")
    befriend(alice, bob, "bob", "alice")
    before = device_of(alice)[2].client.circles[0]
    alice("rekey", status=1)
    assert "1 can read you" in alice.refused
    assert device_of(alice)[2].client.circles[0] == before
    assert "\n  bob\n" in alice("rekey", "--yes")
    after = device_of(alice)[2].client.circles[0]
    assert after.members == ()
    assert after.signing.public != before.signing.public


def test_rekey_drops_the_old_keys_long_term_records(person):
    """They would take the place of the new keys' record for as long."""
    alice, token = person("alice"), Secret(b"t" * 80)
    lt, st = (Parcel(kind, 7, 0, b"body", token) for kind in (1, 2))
    change(alice, lambda device: replace(device, outbox=(lt, st)))
    alice("rekey", "--yes")
    assert device_of(alice)[2].outbox == (st,)


def test_status_is_offline(person):
    alice, bob = person("alice"), person("bob")
    befriend(alice, bob, "bob", "alice")
    said = bob("status")
    assert "You are invisible: this device is not enrolled." in said
    assert "alice  offline  looked up never" in said


def test_alarms_are_cleared_once_they_were_seen(person):
    alice = person("alice")
    alarm = Alarm("clock", "this clock differs by 7200 s: set it", 1_700_000_000_000)
    item = Evidence("manifests", 1_700_000_000_000, b"signed twice")
    change(alice, lambda d: replace(d, alarms=(alarm,), evidence=(item,)))
    assert "Alarm: this clock differs" in alice("status")
    assert "Alarm: this clock differs" in alice("status", "--clear-alarms")
    assert "Alarm" not in alice("status")
    assert device_of(alice)[2].evidence == (item,)


def test_evidence_is_written_for_others_to_see(person, tmp_path):
    alice, folder = person("alice"), tmp_path / "evidence"
    item = Evidence("manifests", 1_700_000_000_000, b"signed twice")
    change(alice, lambda device: replace(device, evidence=(item,)))
    assert "Wrote 1 files" in alice("status", "--evidence", folder)
    (file,) = folder.iterdir()
    assert file.name == "00-manifests-1700000000000"
    assert file.read_bytes() == b"signed twice"
    alice("status", "--evidence", folder, status=1)


def test_a_wrong_passphrase_says_so(person, passphrase_file):
    alice = person("alice")
    passphrase_file.write_text("wrong horse battery\n")
    alice("friends", status=1)
    assert "not the passphrase" in alice.refused
    assert "horse" not in alice.refused


def test_without_terminal_or_file_there_is_no_passphrase(person, monkeypatch):
    alice = person("alice")
    monkeypatch.delenv("PRESENCE_PASSPHRASE_FILE")
    monkeypatch.setattr("private_presence.commands._people._has_terminal", lambda: 0)
    alice("friends", status=1)
    assert "PRESENCE_PASSPHRASE_FILE" in alice.refused


def test_a_picture_needs_a_folder_and_nothing_is_made_without(person, tmp_path):
    bob = person("bob")
    bob("request", "--png", tmp_path / "nowhere" / "request.png", status=1)
    assert "no folder" in bob.refused
    assert not (bob.home / "requests").exists()


def test_qr_codes(person, tmp_path):
    bob, picture = person("bob"), tmp_path / "request.png"
    said = bob("request", "--qr", "--png", picture)
    assert "\u2588" in said
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(os.stat(picture).st_mode) == 0o600
    before = (bob.home / "requests").read_bytes()
    bob("request", "--png", picture, status=1)
    assert (bob.home / "requests").read_bytes() == before


def test_backup_and_restore_on_another_device(person, tmp_path):
    alice, bob = person("alice"), person("bob")
    befriend(alice, bob, "bob", "alice")
    alice("enroll", "--code", CODE)
    copy = tmp_path / "copy"
    alice("backup", copy)
    alice("backup", copy, status=1)
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    phone = person("phone", joined=False)
    said = phone("restore", copy)
    assert "registers nothing before" in said
    assert "all friends show as offline" in said
    old, new = device_of(alice)[2], device_of(phone)[2]
    assert new.client.instance != old.client.instance
    assert new.client.phase == "restored"
    assert new.account == bytes.fromhex(CODE)
    assert new.client.circles == old.client.circles
    assert "phase restored" in phone("status")
    phone("restore", copy, status=1)
    assert "holds a device already" in phone.refused
    phone("restore", copy, "--replace")


def test_a_wrong_passphrase_restores_and_pins_nothing(
    person, passphrase_file, tmp_path
):
    alice, copy = person("alice"), tmp_path / "copy"
    alice("backup", copy)
    passphrase_file.write_text("wrong horse battery\n")
    phone = person("phone", joined=False)
    phone("restore", copy, status=1)
    assert "not the passphrase" in phone.refused
    assert not phone.home.exists()


def test_a_copied_folder_is_noticed_and_healed(person, tmp_path):
    alice, thief = person("alice"), person("thief", joined=False)
    thief.home.mkdir()
    for name in ("state", "deployment"):
        (thief.home / name).write_bytes((alice.home / name).read_bytes())
    thief("friends", status=1)
    assert f"presence restore {thief.home}/state --replace" in thief.refused
    thief("restore", thief.home / "state", "--replace")
    assert device_of(thief)[2].client.phase == "restored"


def test_a_backup_leaves_tokens_behind(person, tmp_path):
    alice, token = person("alice"), Secret(b"t" * 80)
    parcel = Parcel(1, 2, 0, b"body", token)
    change(
        alice,
        lambda device: replace(
            device, wallet=Wallet((), (Purse(1, 2, (token,)),)), outbox=(parcel,)
        ),
    )
    alice("backup", tmp_path / "copy")
    phone = person("phone", joined=False)
    phone("restore", tmp_path / "copy")
    device = device_of(phone)[2]
    assert device.wallet == Wallet()
    assert device.outbox == ()


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main([command, "--help"])
    assert leaving.value.code == 0
    assert f"usage: presence {command}" in capsys.readouterr().out


def test_one_shot_commands_wait_for_each_other(person):
    """Four processes add a request each; none is lost."""
    alice = person("alice")
    run = [sys.executable, "-m", "private_presence.cli", "request"]
    runs = [
        subprocess.Popen(run, stdout=subprocess.PIPE, text=True, stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    texts = {process.communicate()[0] for process in runs}
    assert [process.returncode for process in runs] == [0] * 4
    home, vault, _ = device_of(alice)
    assert len(texts) == len(open_requests(home, vault)) == 4
