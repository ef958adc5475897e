"""What lately failed, in sentences: from the outcomes that a device notes."""

from dataclasses import dataclass

from private_presence.client.device import Device, Outcome
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind

__all__ = ["Trouble", "troubles"]

SUCCESSES = ("complete", "delivered", "accepted", "withdrawn")

# In the order in which one needs the other: causes come first.
THINGS = {
    ("keys", Kind.LT): "the day's keys",
    ("tokens", Kind.LT): "the day's tokens",
    ("register", Kind.LT): "the long-term record",
    ("register", Kind.ST): "the short-term record",
    ("lookup", Kind.LT): "the long-term lookup",
    ("lookup", Kind.ST): "the short-term lookup",
}

WORDS = {
    "closed": "it came after its window had closed: check this clock and the network",
    "conflict": "the registrar holds another record of that epoch",
    "doubtful": "its answer is not certain, and is asked for again tomorrow",
    "malformed": "the registrar refused its form",
    "no receipt": "what came back is no receipt for it",
    "no_token": "the registrar refused its token",
    "out of order": "an epoch before it is still missing",
    "refused": "they do not fit the published key",
    "wrong answer": "the answers contradict each other",
}

# What the registrar means by its refusals of a token request.
REFUSALS = {
    "got 403:": "the registrar does not know this account: ask an operator for a code, "
    "and run presence enroll",
    "got 409:": "they were given out to this account before: a device that was restored "
    "since looks nothing up, and shows friends as offline, until the tokens of a day "
    "come that the old one had not fetched",
}


@dataclass(frozen=True)
class Trouble:
    """An exchange of a sort whose last try failed.

    Parameters
    ----------
    sentence : str
    when : float
        Of the last failure, in seconds since 1970.

    Examples
    --------
    >>> Trouble("the day's keys: nobody answers", 8_641_517.25).when
    8641517.25
    """

    sentence: str
    when: float


def troubles(device: Device, config: Config, now: float) -> tuple[Trouble, ...]:
    """List what failed within the last long-term epoch and has not succeeded since.

    Parameters
    ----------
    device : Device
    config : Config
    now : float
        Seconds since 1970.

    Returns
    -------
    tuple of Trouble
        Causes first: without keys there are no tokens, and without tokens nothing else.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> failed = Outcome("keys", 1, 100, "nobody answers", 8_641_517_250)
    >>> found = Outcome("lookup", 2, 28_805, "complete", 8_641_517_250)
    >>> device = replace(device, outcomes=(found, failed))
    >>> [trouble.sentence for trouble in troubles(device, config, 8_641_600.0)]
    ["the day's keys: nobody answers"]
    >>> troubles(device, config, 8_641_600.0 + 2 * 86_400.0)
    ()
    """
    oldest = now * 1000 - config.lt_ms
    last: dict[tuple[str, Kind], Outcome] = {}
    for outcome in sorted(device.outcomes, key=lambda outcome: outcome.when_ms):
        if outcome.when_ms >= oldest and not _is_over(device, outcome):
            last[_thing(outcome)] = outcome
    return tuple(
        Trouble(f"{name}: {_words(last[thing])}", last[thing].when_ms / 1000)
        for thing, name in THINGS.items()
        if thing in last
    )


def _thing(outcome: Outcome) -> tuple[str, Kind]:
    # Tokens are noted with their role, as "tokens 16": a person need not know of roles.
    return outcome.what.partition(" ")[0], Kind(outcome.kind)


def _is_over(device: Device, outcome: Outcome) -> bool:
    if outcome.what == "keys":  # whose success is noted in the chain only
        epochs = [seen.epoch for seen in device.chain if seen.kind == int(Kind.LT)]
        return any(epoch >= outcome.epoch for epoch in epochs)
    if outcome.what == "register" and device.client.phase != "active":
        return True  # it registers nothing, on purpose
    return outcome.word in SUCCESSES


def _words(outcome: Outcome) -> str:
    if outcome.what.startswith("tokens"):
        for answer, sentence in REFUSALS.items():
            if answer in outcome.word:
                return sentence
    return WORDS.get(outcome.word, outcome.word)
