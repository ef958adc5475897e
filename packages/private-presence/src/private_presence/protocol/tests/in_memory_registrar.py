"""A registrar of one table without storage: what scripted clients talk to."""

from dataclasses import dataclass, field
from hashlib import sha256

from private_presence.errors import PresenceError
from private_presence.primitives.tokens import TOKEN_SIZE, check_token
from private_presence.protocol.quota import mark_spent
from private_presence.protocol.receipt import encode_receipt, make_receipt
from private_presence.protocol.registrar import refusal


@dataclass
class SpentSet:
    """Tokens of one key that were redeemed, with the hash of what each paid for."""

    role: int
    day: int
    public: object
    spent: dict = field(default_factory=dict)

    def spend(self, token, body_hash):
        t = check_token(token, self.role, self.day, self.public)
        mark_spent(self.spent, t, body_hash)


def answer_post(intake, post, now, key, rng):
    """Take a post and answer with a receipt, whatever came."""
    try:
        answer = intake.accept(post, now)
    except PresenceError as error:
        answer = refusal(error)
    body_hash = sha256(post[:-TOKEN_SIZE]).digest()
    about = (intake.kind, intake.epoch, body_hash)
    return encode_receipt(make_receipt(intake.config, key, answer, about, rng))
