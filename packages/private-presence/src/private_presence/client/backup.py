"""Backups: the deployment's file and the sealed state, without what is used once.

A backup brings back keys, friends and wishes.  Tokens and bodies on their way stay
behind: sent twice, they would link two records of one person.
"""

from dataclasses import dataclass, field, replace

from private_presence.client.device import Device, Wallet
from private_presence.client.home import Home
from private_presence.client.vault import Header, decode_header
from private_presence.errors import (
    CorruptStateError,
    EncodingError,
    ForeignStateError,
)
from private_presence.primitives import cbor
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import equal
from private_presence.protocol.client import mark_restored
from private_presence.protocol.deployment import MAX_DEPLOYMENT_SIZE
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.store import (
    MAX_STATE_SIZE,
    Wrap,
    decode_state,
    encode_state,
)

__all__ = ["MAX_BACKUP_SIZE", "Backup", "decode_backup", "encode_backup", "restore"]

NAME, VERSION = "presence backup", 1
MAX_BACKUP_SIZE = MAX_STATE_SIZE + MAX_DEPLOYMENT_SIZE + 64


@dataclass(frozen=True)
class Backup:
    """What a backup holds: nothing in it is readable without passphrase or keyring.

    Parameters
    ----------
    deployment : bytes
        The deployment's file; empty if only a state file was given.
    sealed : bytes
        The state as `vault` sealed it.

    Examples
    --------
    >>> from private_presence.client.vault import Cost, vault_of_passphrase
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> words, cost = Secret(b"several good words"), Cost(1, 8)  # for examples only
    >>> vault = vault_of_passphrase(words, SystemRandomness(), cost=cost)
    >>> backup = Backup(b"deployment", vault.seal(b"state"))
    >>> backup, backup.header.needs_passphrase
    (Backup(deployment=b'deployment'), True)
    """

    deployment: bytes
    sealed: bytes = field(repr=False)

    @property
    def header(self) -> Header:
        """What says how the state is opened.

        Raises `CorruptStateError` if `sealed` is not what a vault sealed.
        """
        return decode_header(self.sealed)


def encode_backup(device: Device, deployment: bytes, wrap: Wrap) -> bytes:
    """Write a backup.

    Parameters
    ----------
    device : Device
    deployment : bytes
        The deployment's file.
    wrap : Wrap

    Returns
    -------
    bytes

    Examples
    --------
    Tokens stay behind:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.wallet import put, tokens_left
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.store import Plain  # a vault in earnest
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> device = replace(device, wallet=put(Wallet(), 1, 100, [bytes(80)]))
    >>> backup = decode_backup(encode_backup(device, b"deployment", Plain()))
    >>> kept = decode_state(backup.sealed, Device)
    >>> kept.client == device.client, tokens_left(kept.wallet, 1, 100)
    (True, 0)
    """
    sealed = wrap.seal(encode_state(_without_what_is_used_once(device)))
    return cbor.encode([NAME, VERSION, deployment, sealed])


def decode_backup(data: bytes) -> Backup:
    """Read a backup, or a state file that was copied as it is.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Backup

    Raises
    ------
    CorruptStateError
        If it is neither.

    Examples
    --------
    >>> decode_backup(cbor.encode(["presence backup", 1, b"deployment", b"sealed"]))
    Backup(deployment=b'deployment')
    >>> decode_backup(b"a letter")
    Traceback (most recent call last):
    private_presence.errors.CorruptStateError: expected a sealed state of version 1; ...
    """
    try:
        raw = cbor.decode(data, MAX_BACKUP_SIZE)
    except EncodingError:
        decode_header(data)  # raises, unless it is a state file
        return Backup(b"", data)
    match raw:
        case [str(name), int(version), bytes(deployment), bytes(sealed)] if (
            name == NAME and version == VERSION
        ):
            return Backup(deployment, sealed)
    raise CorruptStateError(
        f"expected a backup of version {VERSION}; got something else: choose a file "
        "that presence backup wrote"
    )


def restore(home: Home, wrap: Wrap, backup: Backup, now: float, rng: Randomness) -> int:
    """Set a folder up from a backup.

    The device gets a new identity, and is marked: it walks the retained epochs, and
    registers nothing before it knows where its keys are (F5, F6).

    Parameters
    ----------
    home : Home
        Held by `Home.editing`, with a deployment pinned.
    wrap : Wrap
        Opens the backup, and seals the state from now on.
    backup : Backup
    now : float
    rng : Randomness

    Returns
    -------
    int
        The first LT epoch for which it registers again.

    Raises
    ------
    ForeignStateError
        If the backup is of another deployment than the pinned one.

    Raises `LostStateError` too, if no deployment is pinned, and `CorruptStateError` if
    the backup was damaged or `wrap` is another vault.

    Examples
    --------
    Set up again on day 105, a device may register from day 107 on:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.protocol.store import Plain  # a vault in earnest
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> class Joined(Home):  # in earnest `pin` takes the deployment's signed file
    ...     def deployment(self):
    ...         return Deployment(config, Directory(config.dep_id, 1, ()))
    >>> data = encode_backup(new_device(config, 100, rng), b"deployment", Plain())
    >>> with TemporaryDirectory() as folder:
    ...     home = Joined(Path(folder, "alice"), Path(folder, "mirrors"))
    ...     print(restore(home, Plain(), decode_backup(data), 105 * 86_400.0, rng))
    ...     print(home.store(Plain()).load(config).client.phase)
    107
    restored
    """
    config = home.deployment().config
    device = decode_state(wrap.unseal(backup.sealed), Device)
    if not equal(device.client.dep_id, config.dep_id):
        raise ForeignStateError(
            "this backup is of another deployment than the pinned one: choose another "
            "folder by --home"
        )
    home.make()
    client = replace(device.client, instance=bytes(rng.draw(16)))
    client = mark_restored(client, epoch_at(config, Kind.LT, now))
    home.store(wrap).save(replace(_without_what_is_used_once(device), client=client))
    home.requests.unlink(missing_ok=True)  # answered elsewhere, or sealed by another
    return client.quiet_until


def _without_what_is_used_once(device: Device) -> Device:
    return replace(device, wallet=Wallet(), outbox=())
