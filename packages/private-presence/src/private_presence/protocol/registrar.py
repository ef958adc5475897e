"""The registrar's side of one table: take bodies, freeze, give out the raw file.

No socket, no clock, no file: the service that owns this object stores what it says.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from private_presence.errors import (
    ConflictError,
    EpochError,
    PresenceError,
    SpentError,
    StateError,
)
from private_presence.primitives.blinding import (
    SigningKey,
    record_message,
    tag_of,
    verify,
)
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import equal
from private_presence.primitives.tokens import TOKEN_SIZE
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
from private_presence.protocol.receipt import Answer, encode_receipt, make_receipt

__all__ = ["Intake", "answer_post"]

TOMBSTONE = b""


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
        Takes a token, checks it, and raises if it was spent; `quota.SpentSet.spend`.
    phase : str
        A state of `machine.INTAKE`.
    """

    config: Config
    kind: Kind
    epoch: int
    spend: Callable[[bytes], None]
    phase: str = "open"
    values: dict[bytes, bytes] = field(default_factory=dict, repr=False)

    def accept(self, post: bytes, now: float) -> Answer:
        """Take a registration or a withdrawal.

        Parameters
        ----------
        post : bytes
            Body and token.
        now : float
            The registrar's clock.

        Returns
        -------
        Answer
            ACCEPTED also for a resend of the stored bytes, whose token is not looked
            at: it is spent already (F12).

        Raises
        ------
        StateError
            If the table is frozen.
        EpochError
            If the body is for another table.
        ConflictError
            If another value is stored at this tag: only its owner could have sent it,
            and she would be using a key twice.
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
        tag = tag_of(self.kind, self.config.dep_id, self.epoch, message.public)
        if isinstance(message, Withdrawal):
            return self._withdraw(message, tag)
        return self._register(message, tag, token)

    def _register(self, message: Registration, tag: bytes, token: bytes) -> Answer:
        signed = record_message(
            message.kind, self.config.dep_id, message.epoch, message.ct
        )
        verify(message.public, signed, message.signature)
        known = self.values.get(tag)
        if known is None:
            self.spend(token)
            self.values[tag] = message.value
            return Answer.ACCEPTED
        if equal(known, message.value):
            return Answer.ACCEPTED
        raise ConflictError("another value is stored here: resend the stored bytes")

    def _withdraw(self, message: Withdrawal, tag: bytes) -> Answer:
        verify_withdrawal(self.config, message)
        if tag not in self.values:
            raise EpochError("there is nothing to withdraw in this epoch")
        self.values[tag] = TOMBSTONE  # stays, so that no second body follows (F21)
        return Answer.WITHDRAWN

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


def _window_open(config: Config, kind: Kind, epoch: int, now: float) -> bool:
    try:
        check_window(config, kind, epoch, now)
    except EpochError:
        return False
    return True


def answer_post(
    intake: Intake, post: bytes, now: float, key: SigningKey, rng: Randomness
) -> bytes:
    """Take a post and answer with a receipt, whatever came.

    Parameters
    ----------
    intake : Intake
    post : bytes
    now : float
    key : SigningKey
        R's.
    rng : Randomness

    Returns
    -------
    bytes
        Always 103 of them.
    """
    try:
        answer = intake.accept(post, now)
    except ConflictError:
        answer = Answer.CONFLICT
    except SpentError:
        answer = Answer.NO_TOKEN
    except (EpochError, StateError):
        answer = Answer.CLOSED
    except PresenceError:
        answer = Answer.MALFORMED
    body_hash = sha256(post[:-TOKEN_SIZE]).digest()
    about = (intake.kind, intake.epoch, body_hash)
    return encode_receipt(make_receipt(intake.config, key, answer, about, rng))
