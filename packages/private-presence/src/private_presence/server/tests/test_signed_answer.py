"""A signed answer is accepted for what was asked and for nothing else."""

from dataclasses import replace

import pytest

from private_presence.errors import AnswerError, LengthError, VerificationError
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.epochs import Kind
from private_presence.protocol.tests.world import SERVERS, deployment
from private_presence.server.endpoints import Facts, match
from private_presence.server.signed_answer import Asked, open_answer, seal_answer

CONFIG = deployment()
ASKED = Asked(Kind.ST, 7, 1, bytes(range(32)), b"a query")
ANSWER = b"what the backend said"
SEALED = seal_answer(CONFIG, ASKED, ANSWER, SERVERS[1], SeededRandomness("answer"))


def test_an_answer_opens_and_has_the_size_of_the_table():
    assert open_answer(CONFIG, ASKED, SEALED, len(ANSWER)) == ANSWER
    found = match("POST", "/v1/pir/st/7")
    assert found is not None
    facts = Facts(CONFIG, Kind.ST, 7, query=len(ASKED.query), answer=len(ANSWER))
    assert found.endpoint.reply.size(facts) == len(SEALED)


@pytest.mark.parametrize("at", range(len(SEALED)))
def test_no_changed_byte_is_accepted(at):
    changed = bytearray(SEALED)
    changed[at] ^= 1
    with pytest.raises((AnswerError, VerificationError)):
        open_answer(CONFIG, ASKED, bytes(changed), len(ANSWER))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kind": Kind.LT}, VerificationError),
        ({"epoch": 8}, VerificationError),
        ({"server": 0}, VerificationError),
        ({"manifest_hash": bytes(32)}, AnswerError),
        ({"query": b"b query"}, AnswerError),
    ],
)
def test_an_answer_to_something_else_is_refused(change, error):
    with pytest.raises(error):
        open_answer(CONFIG, replace(ASKED, **change), SEALED, len(ANSWER))


def test_an_answer_of_another_deployment_is_refused():
    with pytest.raises(VerificationError):
        open_answer(deployment(retain=5), ASKED, SEALED, len(ANSWER))


@pytest.mark.parametrize("data", [b"", SEALED[:-1], SEALED + b"\0"])
def test_another_length_is_refused(data):
    with pytest.raises(LengthError):
        open_answer(CONFIG, ASKED, data, len(ANSWER))
