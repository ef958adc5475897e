"""The registrar's side of one table: take bodies, freeze, give out the raw file.

No socket, no clock, no file: the service that owns this object stores what it says.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from private_presence.errors import (
    ConflictError,
    EpochError,
    PresenceError,
    SpentError,
    StateError,
)
from private_presence.primitives.blinding import (
    record_message,
    tag_of,
    verify,
)
from private_presence.primitives.secret import equal
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, check_window
from private_presence.protocol.machine import INTAKE, advance
from private_presence.protocol.messages import (
    Registration,
    Withdrawal,
    decode_body,
    split_post,
    verify_withdrawal,
)
from private_presence.protocol.receipt import Answer

__all__ = ["TOMBSTONE", "Examined", "Intake", "Values", "refusal"]

TOMBSTONE = b""


class Values(Protocol):
    """Where the records of a table are kept: a dictionary, or something durable.

    Examples
    --------
    Arrival is forgotten:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> values: Values = {b"b" * 16: b"2", b"a" * 16: b"1"}
    >>> Intake(config, Kind.ST, 7, lambda *_: None, values=values).freeze(2100.0)
    b'aaaaaaaaaaaaaaaa1bbbbbbbbbbbbbbbb2'
    """

    def get(self, tag: bytes, /) -> bytes | None:
        """Return the value at a tag, or None."""
        ...

    def __setitem__(self, tag: bytes, value: bytes, /) -> None:
        """Store a value; on disk before the receipt is signed."""
        ...

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all pairs, in any order."""
        ...


@dataclass(frozen=True)
class Examined:
    """A post that is in form and rightly signed; nothing was looked up for it yet.

    Examples
    --------
    It may be settled again:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> message = Registration(Kind.ST, 7, bytes(32), bytes(64), bytes(64))
    >>> post = Examined(message, b"t" * 16, bytes(80), bytes(32))
    >>> intake = Intake(config, Kind.ST, 7, lambda *_: None)
    >>> intake.settle(post).name, intake.settle(post).name, len(intake.values)
    ('ACCEPTED', 'ACCEPTED', 1)
    """

    message: Registration | Withdrawal
    tag: bytes
    token: bytes
    body_hash: bytes


@dataclass
class Intake:
    """The records of one kind and epoch while they come in.

    Blinded keys are not kept: with them, a friend's knowledge and an address would
    name a publisher (F20).

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int
    spend : callable
        Takes a token and the hash of a body, checks it, and raises if it paid for
        another one: see `quota.mark_spent`.
    phase : str
        A state of `machine.INTAKE`.
    values : Values

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> intake = Intake(config, Kind.ST, 7, lambda *_: None)
    >>> intake.freeze(2069.0)
    Traceback (most recent call last):
    private_presence.errors.EpochError: the window is still open: ...
    >>> intake.freeze(2070.0), intake.phase
    (b'', 'frozen')
    """

    config: Config
    kind: Kind
    epoch: int
    spend: Callable[[bytes, bytes], None]
    phase: str = "open"
    values: Values = field(default_factory=dict, repr=False)

    def accept(self, post: bytes, now: float) -> Answer:
        """Take a registration or a withdrawal: `examine`, then `settle`.

        Parameters
        ----------
        post : bytes
            Body and token.
        now : float
            The registrar's clock.

        Returns
        -------
        Answer
        """
        return self.settle(self.examine(post, now))

    def examine(self, post: bytes, now: float) -> Examined:
        """Check form, window and signature; needs no storage and changes nothing.

        Parameters
        ----------
        post : bytes
            Body and token.
        now : float
            The registrar's clock.

        Returns
        -------
        Examined

        Raises
        ------
        StateError
            If the table is frozen.
        EpochError
            If the body is for another table, or its window is not open.
        """
        body, token = split_post(self.config, post)
        message = decode_body(self.config, body)
        if self.phase != "open":
            raise StateError(f"a table takes records while open; it is {self.phase}")
        if (message.kind, message.epoch) != (self.kind, self.epoch):
            raise EpochError(
                f"expected {self.kind.name} epoch {self.epoch}; "
                f"got {message.kind.name} epoch {message.epoch}"
            )
        check_window(self.config, self.kind, self.epoch, now)
        _check_signature(self.config, message)
        tag = tag_of(self.kind, self.config.dep_id, self.epoch, message.public)
        return Examined(message, tag, token, sha256(body).digest())

    def settle(self, post: Examined) -> Answer:
        """Store what was examined; every call may be repeated after a crash.

        The token is marked with the hash of its body before the value is stored: a
        crash in between leaves a token that still pays for this body.

        Parameters
        ----------
        post : Examined

        Returns
        -------
        Answer
            ACCEPTED also for a resend of the stored bytes, whose token is not looked
            at: it is spent already (F12).

        Raises
        ------
        ConflictError
            If another value is stored at this tag: only its owner could have sent it,
            and she would be using a key twice.
        EpochError
            If there is nothing to withdraw.
        """
        known = self.values.get(post.tag)
        if isinstance(post.message, Withdrawal):
            if known is None:
                raise EpochError("there is nothing to withdraw in this epoch")
            self.values[post.tag] = TOMBSTONE  # stays: no second body follows (F21)
            return Answer.WITHDRAWN
        value = post.message.value
        if known is None:
            self.spend(post.token, post.body_hash)
            self.values[post.tag] = value
        elif not equal(known, value):
            raise ConflictError("another value is stored here: resend the stored bytes")
        return Answer.ACCEPTED

    def freeze(self, now: float) -> bytes:
        """Close the table and give its raw file; the same bytes when repeated.

        Parameters
        ----------
        now : float

        Returns
        -------
        bytes
            Records ``tag || value`` sorted by tag: no order of arrival.

        Raises
        ------
        EpochError
            If the window is still open.
        """
        if self.phase == "open" and _window_open(
            self.config, self.kind, self.epoch, now
        ):
            raise EpochError("the window is still open: freeze once it has closed")
        self.phase = advance(INTAKE, self.phase, "freeze")
        items = sorted(self.values.items())
        return b"".join(tag + value for tag, value in items if value != TOMBSTONE)


def _check_signature(config: Config, message: Registration | Withdrawal) -> None:
    if isinstance(message, Withdrawal):
        verify_withdrawal(config, message)
        return
    signed = record_message(message.kind, config.dep_id, message.epoch, message.ct)
    verify(message.public, signed, message.signature)


def _window_open(config: Config, kind: Kind, epoch: int, now: float) -> bool:
    try:
        check_window(config, kind, epoch, now)
    except EpochError:
        return False
    return True


def refusal(error: PresenceError) -> Answer:
    """What a receipt says when `Intake` raised.

    Parameters
    ----------
    error : PresenceError

    Returns
    -------
    Answer

    Examples
    --------
    >>> refusal(EpochError("late")).name
    'CLOSED'
    """
    if isinstance(error, ConflictError):
        return Answer.CONFLICT
    if isinstance(error, SpentError):
        return Answer.NO_TOKEN
    if isinstance(error, EpochError | StateError):
        return Answer.CLOSED
    return Answer.MALFORMED
