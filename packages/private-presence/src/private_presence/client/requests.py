"""Nonces that this person gave out and that no invitation has answered yet."""

from dataclasses import dataclass, replace

from private_presence.client.device import Device
from private_presence.client.home import Home
from private_presence.errors import (
    CorruptStateError,
    EncodingError,
    InputError,
    StateError,
    VerificationError,
)
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import equal
from private_presence.protocol.client import accept_invitation
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import Config
from private_presence.protocol.files import replace_file
from private_presence.protocol.store import Wrap

__all__ = ["MAX_REQUESTS", "accept", "add_request", "drop_request", "open_requests"]

NONCE_SIZE = 32
MAX_REQUESTS = 16
MAX_SIZE = 1024


@dataclass(frozen=True)
class _Requests:
    nonces: tuple[bytes, ...]
    version: int = 1


def open_requests(home: Home, wrap: Wrap) -> tuple[bytes, ...]:
    """Read the open requests.

    Parameters
    ----------
    home : Home
    wrap : Wrap

    Returns
    -------
    tuple of bytes
        Oldest first.

    Raises
    ------
    CorruptStateError
        If the file is not what this program wrote.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.store import Plain
    >>> with TemporaryDirectory() as folder:
    ...     home = Home(Path(folder, "bob"), Path(folder, "mirrors"))
    ...     home.make()
    ...     none = open_requests(home, Plain())
    ...     made = [add_request(home, Plain(), SystemRandomness()) for _ in range(2)]
    ...     none, open_requests(home, Plain()) == tuple(made)
    ((), True)
    """
    try:
        data = home.requests.read_bytes()
    except FileNotFoundError:
        return ()
    try:
        return decode_record(_Requests, wrap.unseal(data), MAX_SIZE).nonces
    except (EncodingError, CorruptStateError):
        raise CorruptStateError(
            f"expected requests of version 1 in {home.requests}; got something else: "
            "delete that file, and make new requests"
        ) from None


def add_request(home: Home, wrap: Wrap, rng: Randomness) -> bytes:
    """Draw a nonce and keep it.

    Parameters
    ----------
    home : Home
        Held by `Home.editing`.
    wrap : Wrap
    rng : Randomness

    Returns
    -------
    bytes, 32
        The oldest of more than 16 open ones is forgotten.

    Raises `CorruptStateError` as `open_requests` does.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.store import Plain
    >>> with TemporaryDirectory() as folder:
    ...     home = Home(Path(folder, "bob"), Path(folder, "mirrors"))
    ...     home.make()
    ...     made = [add_request(home, Plain(), SystemRandomness()) for _ in range(17)]
    ...     open_requests(home, Plain()) == tuple(made[1:])
    True
    """
    nonce = bytes(rng.draw(NONCE_SIZE))
    _write(home, wrap, (*open_requests(home, wrap), nonce)[-MAX_REQUESTS:])
    return nonce


def drop_request(home: Home, wrap: Wrap, nonce: bytes) -> None:
    """Forget a nonce that was answered: an invitation is accepted once.

    Parameters
    ----------
    home : Home
        Held by `Home.editing`.
    wrap : Wrap
    nonce : bytes, 32

    Raises `CorruptStateError` as `open_requests` does.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.store import Plain
    >>> with TemporaryDirectory() as folder:
    ...     home = Home(Path(folder, "bob"), Path(folder, "mirrors"))
    ...     home.make()
    ...     one, other = (add_request(home, Plain(), SystemRandomness()) for _ in "ab")
    ...     drop_request(home, Plain(), one)
    ...     open_requests(home, Plain()) == (other,)
    True
    """
    kept = [other for other in open_requests(home, wrap) if not equal(other, nonce)]
    _write(home, wrap, tuple(kept))


def accept(
    device: Device,
    config: Config,
    name: str,
    invitation: bytes,
    nonces: tuple[bytes, ...],
    *,
    again: bool = False,
) -> tuple[Device, bytes]:
    """Accept an invitation that answers one of the open requests.

    Parameters
    ----------
    device : Device
    config : Config
    name : str
    invitation : bytes
    nonces : tuple of bytes
    again : bool
        Whether the friend of this name, if there is one, gives way to who invites.

    Returns
    -------
    device : Device
    nonce : bytes
        The one it answers.

    Raises
    ------
    StateError
        If there is no open request.
    InputError
        If a friend has this name already, and `again` does not allow it.
    VerificationError
        If it answers none of them.

    Raises `EncodingError` or `ForeignStateError` too, for what is no invitation or is
    for another deployment, and `CapacityError` if there are too many friends already.

    Examples
    --------
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.membership import invite
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> rng, nonces = SystemRandomness(), (b"a" * 32, b"b" * 32)
    >>> _, data = invite(new_circle(101, rng), config, "bob", nonces[1], rng)
    >>> bob = new_device(config, 100, rng)
    >>> device, nonce = accept(bob, config, "alice", data, nonces)
    >>> [friend.name for friend in device.client.friends], nonce == nonces[1]
    (['alice'], True)
    >>> accept(bob, config, "alice", data, nonces[:1])
    Traceback (most recent call last):
    private_presence.errors.VerificationError: this invitation answers none of ...
    """
    if not nonces:
        raise StateError("there is no open request: make one by presence request")
    if not again and any(friend.name == name for friend in device.client.friends):
        raise InputError(
            "you read somebody of this name already: choose another name, or add "
            "--replace if the same friend invites you again"
        )
    for nonce in reversed(nonces):
        try:
            client = accept_invitation(device.client, config, name, invitation, nonce)
            # What was seen under this name was another's, or is of other keys.
            sights = tuple(s for s in device.sights if s.name != name)
            return replace(device, client=client, sights=sights), nonce
        except VerificationError:
            continue
    raise VerificationError(
        "this invitation answers none of the open requests, or is not whole: send a new "
        "request to the friend who is to invite you"
    )


def _write(home: Home, wrap: Wrap, nonces: tuple[bytes, ...]) -> None:
    sealed = wrap.seal(encode_record(_Requests(nonces)))
    replace_file(home.files, home.requests, sealed)
