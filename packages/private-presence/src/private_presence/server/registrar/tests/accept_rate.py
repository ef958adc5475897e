"""Accepted posts a second on one core, beside one signature check plus one token check.

Run with ``taskset -c 0 python -m private_presence.server.registrar.tests.accept_rate``.
"""

import sys
import tempfile
import time

from private_presence.primitives.blinding import record_message, verify
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import check_token
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import decode_body
from private_presence.server.metrics import Metrics
from private_presence.server.registrar.admission import Admission, Post
from private_presence.server.registrar.keys import token_key_of
from private_presence.server.registrar.tests.world import (
    CONFIG,
    LT0,
    RKEYS,
    ROOT,
    ST0,
    START,
    post_of,
)
from private_presence.server.storage import open_storage

ST = (Kind.ST, ST0 + 1)


def seconds(action, items):
    """Mean time of an action over the items."""
    start = time.perf_counter()
    for item in items:
        action(item)
    return (time.perf_counter() - start) / len(items)


def check_one(post):
    """What the ratio is relative to: one signature check and one token check."""
    message = decode_body(CONFIG, post[:-80])
    signed = record_message(message.kind, CONFIG.dep_id, message.epoch, message.ct)
    verify(message.public, signed, message.signature)
    public = token_key_of(ROOT, CONFIG, 2, LT0).public
    check_token(post[-80:], 2, LT0, public)


def measure(url, n=2048, group=256):
    """Return (seconds of one check, {group size: seconds per accepted post})."""
    posts = [post_of(*ST, i) for i in range(n)]
    base = seconds(check_one, posts[:200])
    storage = open_storage(url)
    admission = Admission(CONFIG, RKEYS, storage, SeededRandomness("a"), Metrics())
    result, at = {}, 0
    for size in (1, 16, 64, group):
        part = posts[at : at + max(size * 4, 32)]
        at += len(part)
        groups = [part[i : i + size] for i in range(0, len(part), size)]
        settle = seconds(
            lambda g: admission.settle([Post(*ST, post) for post in g], START), groups
        )
        result[size] = settle / size
    storage.close()
    return base, result


def main():
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}"
        base, result = measure(url)
    sys.stdout.write(f"one signature and one token: {1 / base:.0f}/s\n")
    for size, each in result.items():
        sys.stdout.write(
            f"groups of {size:3}: {1 / each:.0f} accepted/s, ratio {base / each:.2f}\n"
        )


if __name__ == "__main__":
    main()
