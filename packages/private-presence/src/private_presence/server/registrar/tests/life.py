"""The first hours of a deployment, for tests of what happens in them."""

from private_presence.protocol.epochs import Kind, window
from private_presence.protocol.manifest import (
    verify_manifest,
)
from private_presence.protocol.receipt import Answer, decode_receipt

from .world import CONFIG, LT0, ST0, post_of

ST1 = ST0 + 1
CLOSES = window(CONFIG, Kind.ST, ST1)[1]


def rows(raw, kind):
    size = 16 + (CONFIG.lt_value_size if kind is Kind.LT else CONFIG.st_value_size)
    return [raw[i : i + size] for i in range(0, len(raw), size)]


def opened(world, kind, epoch, previous=None):
    signed = world.storage.state(kind, epoch).signed
    return verify_manifest(signed, CONFIG, kind, epoch, previous)


async def publish_next(world, posts=3):
    """Genesis, then the first short table with some records."""
    await world.until(lambda: world.served(Kind.LT, LT0))
    for i in range(posts):
        reply = await world.register(Kind.ST, ST1, post_of(Kind.ST, ST1, i))
        assert decode_receipt(reply.body).answer is Answer.ACCEPTED
    await world.publish(Kind.ST, ST1)
