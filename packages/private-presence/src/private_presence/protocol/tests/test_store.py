"""The state on disk: killed at every write, restored, copied, lost, of elsewhere."""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace

import pytest

from private_presence.errors import (
    ConflictError,
    CorruptStateError,
    ForeignStateError,
    LostStateError,
    RestoredStateError,
)
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import client as cl
from private_presence.protocol import client_publish as cp
from private_presence.protocol.client import Client
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.files import Files
from private_presence.protocol.store import (
    Store,
    Wrap,
    decode_state,
    encode_state,
    outgoing,
)

from .world import deployment

EPOCH = 101


class KilledError(BaseException):
    """The machine stops here; nothing after it runs, `finally` included."""


class KilledFiles(Files):
    """Stops before the n-th operation; a write stops in the middle of its bytes."""

    def __init__(self, alive):
        self.left = alive

    def tick(self):
        if self.left == 0:
            raise KilledError
        self.left -= 1

    def create(self, path):
        self.tick()
        return super().create(path)

    def write(self, handle, data):
        if self.left == 0:
            super().write(handle, data[: len(data) // 2])
        self.tick()
        super().write(handle, data)

    def sync(self, handle):
        self.tick()
        super().sync(handle)

    def close(self, handle):
        super().close(handle)  # a dead process's files are closed too

    def rename(self, source, target):
        self.tick()
        super().rename(source, target)

    def sync_folder(self, folder):
        self.tick()
        super().sync_folder(folder)


STEPS = 10  # create, write, sync, rename, sync folder; twice


@pytest.fixture
def config():
    return deployment()


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "state", tmp_path / "mirror"


@pytest.fixture
def client(config):
    return cl.new_client(config, EPOCH - 1, SeededRandomness("store"))


def published(client, config, seed):
    now = start_of(config, Kind.LT, EPOCH - 1)
    return cp.publish_lt(client, config, 0, EPOCH, now, SeededRandomness(seed))


@pytest.mark.parametrize("alive", range(STEPS + 1))
def test_killed_at_every_write_the_state_is_old_or_new(config, paths, client, alive):
    old = Store(*paths).save(client).client
    new, sent = published(old, config, "built"), []
    try:
        saved = Store(*paths, files=KilledFiles(alive)).save(new)
        sent = outgoing(saved)
    except KilledError:
        assert alive < STEPS
    again = Store(*paths).load(config).client
    assert again in (old, replace(new, counter=old.counter + 1))
    if sent:  # whatever left this machine is in the state that survives
        assert again.circles == new.circles
        assert [m.body for m in sent] == [again.circles[0].pending.body]
    # Life goes on: the next save and load work from wherever it stopped.
    assert Store(*paths).load(config).client.counter == again.counter
    after = Store(*paths).save(again)
    assert Store(*paths).load(config).client == after.client


FIRST_STEPS = 15  # the mirror, the state, the mirror


@pytest.mark.parametrize("alive", range(FIRST_STEPS + 1))
def test_killed_in_the_very_first_save(config, paths, client, alive):
    try:
        Store(*paths, files=KilledFiles(alive)).save(client)
    except KilledError:
        assert alive < FIRST_STEPS
    try:
        again = Store(*paths).load(config).client
    except LostStateError:
        assert alive < 9  # the state was not renamed yet: set up anew
        return
    assert again.circles == client.circles


def test_attack17_killed_between_save_and_send_the_same_bytes_go_out(
    config, paths, client
):
    saved = Store(*paths).save(published(client, config, "built"))
    first = outgoing(saved)
    after_crash = Store(*paths).load(config)
    assert outgoing(after_crash) == first
    again = published(after_crash.client, config, "another")
    assert again.circles[0].pending.body == first[0].body
    with pytest.raises(ConflictError):
        cp.publish_lt(
            again,
            config,
            0,
            EPOCH,
            start_of(config, Kind.LT, EPOCH - 1),
            SeededRandomness("third"),
            b"another aux",
        )


def test_a_real_process_killed_while_saving_leaves_a_whole_state(config, paths):
    """`os._exit` in a child at each operation: no handlers, no `finally`."""
    code = """
        import os, sys
        from pathlib import Path
        from private_presence.primitives.tests.seeded import SeededRandomness
        from private_presence.protocol import client as cl, store
        from private_presence.protocol.tests.world import deployment
        alive = int(sys.argv[3])
        class Files(store.Files):
            def __getattribute__(self, name):
                global alive
                if alive == 0:
                    os._exit(9)
                alive -= 1
                return super().__getattribute__(name)
        client = cl.new_client(deployment(), 100, SeededRandomness("child"))
        files = store.Store(Path(sys.argv[1]), Path(sys.argv[2]))
        files.save(client)
        files = store.Store(Path(sys.argv[1]), Path(sys.argv[2]), Files())
        files.save(files.load(deployment()).client)
    """
    for alive in (0, 3, 4, 5, 9, 10):
        run = [
            sys.executable,
            "-c",
            textwrap.dedent(code),
            *map(str, paths),
            str(alive),
        ]
        done = subprocess.run(run, check=False, capture_output=True, text=True)
        assert done.returncode == 9, done.stderr
        assert Store(*paths).load(config).client.counter in (1, 2)


def test_f05_a_backup_put_back_is_noticed(config, paths, client):
    store = Store(*paths)
    store.save(client)
    backup = paths[0].read_bytes()
    store.save(published(store.load(config).client, config, "built"))
    paths[0].write_bytes(backup)
    with pytest.raises(RestoredStateError, match="older than what this device"):
        store.load(config)
    fresh = store.load_restored(config, bytes(range(16)))
    restored = cl.mark_restored(fresh, EPOCH)
    saved = store.save(restored)
    assert store.load(config) == saved
    assert saved.client.phase == "restored"
    assert outgoing(saved) == []


def test_f05_a_copy_on_another_device_is_noticed(config, paths, client, tmp_path):
    Store(*paths).save(client)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "state").write_bytes(paths[0].read_bytes())
    with pytest.raises(RestoredStateError):
        Store(elsewhere / "state", elsewhere / "mirror").load(config)


def test_the_replaced_bytes_are_overwritten(config, paths, client, tmp_path):
    store = Store(*paths)
    store.save(client)
    os.link(paths[0], tmp_path / "old")  # another name of the same bytes
    size = os.path.getsize(paths[0])
    store.save(store.load(config).client)
    assert (tmp_path / "old").read_bytes() == bytes(size)


def test_killed_while_overwriting_the_new_state_stands(config, paths, client):
    class NoWipe(Files):
        def wipe(self, handle):
            os.close(handle)
            raise KilledError

    Store(*paths).save(client)
    with pytest.raises(KilledError):
        Store(*paths, files=NoWipe()).save(Store(*paths).load(config).client)
    assert Store(*paths).load(config).client.counter == 2


@dataclass(frozen=True)
class Around:
    """A state that has a client and more."""

    client: Client
    more: str


class Mirrored(Wrap):
    def seal(self, data):
        return data[::-1]

    def unseal(self, data):
        return data[::-1]


def test_a_state_around_a_client_is_kept_in_a_wrap(config, paths, client):
    store = Store(*paths, cls=Around, wrap=Mirrored())
    saved = store.save(Around(client, "more"))
    assert saved.client.counter == client.counter + 1
    assert store.load(config) == saved
    assert decode_state(paths[0].read_bytes()[::-1], Around) == saved.state
    restored = store.load_restored(config, bytes(16))
    assert restored.client.instance == bytes(16)
    assert restored.more == "more"


def test_a_lost_state_file_says_what_to_do(config, paths):
    with pytest.raises(LostStateError, match="exchange invitations again"):
        Store(*paths).load(config)


def test_a_state_of_another_deployment_is_refused(config, paths, client):
    Store(*paths).save(client)
    with pytest.raises(ForeignStateError, match="use its configuration"):
        Store(*paths).load(deployment(retain=7))


@pytest.mark.parametrize("damage", ["cut", "flip", "other", "longer"])
def test_a_damaged_state_file_is_refused(config, paths, client, damage):
    Store(*paths).save(client)
    data = bytearray(paths[0].read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    changed = {
        "cut": data[:-1],
        "flip": data,
        "other": b"something else",
        "longer": data + b"\0",
    }
    paths[0].write_bytes(bytes(changed[damage]))
    with pytest.raises(CorruptStateError, match="restore a backup"):
        Store(*paths).load(config)


def test_the_state_file_is_for_its_owner_only_and_survives_the_round_trip(
    config, paths, client
):
    client = published(client, config, "built")
    Store(*paths).save(client)
    assert os.stat(paths[0]).st_mode & 0o077 == 0
    assert decode_state(encode_state(client)) == client


def test_secrets_do_not_show_in_the_repr_of_a_client(config, client):
    client = published(client, config, "built")
    circle, text = client.circles[0], repr(client)
    for secret in (
        circle.rk,
        circle.seed,
        circle.signing.secret,
        circle.pending.K,
        circle.key.gamma.to_be_bytes(),
    ):
        assert bytes(secret).hex() not in text
        assert repr(bytes(secret)) not in text
    assert str(int(circle.key.gamma)) not in text
