"""The probabilistic batch code: each record in three buckets, each query in one.

One private query per bucket fetches a whole list of friends: every record is copied
into three of B buckets, and a client assigns each wanted tag to one of its three, at
most one tag per bucket.  The buckets come from a keyed hash whose key (the salt of the
epoch) nobody knew when the tags were registered.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import LayoutError

COPIES = 3
MIN_BUCKETS, MAX_BUCKETS = 4, 4096
SALT_SIZE = 32
_PERSON = b"MP3v1-keyhash"


def hash_tags(tags: Iterable[bytes], salt: bytes) -> NDArray[np.uint64]:
    """Return eight words per tag: BLAKE2b-512 keyed with the salt of the epoch.

    Parameters
    ----------
    tags : iterable of bytes
    salt : bytes, 32 of them
        Drawn by the registrar and all lookup servers together after the records are
        frozen.  Tags are chosen by users, some of them hostile; with a known salt
        they could fill one bucket, or steer the assignment of somebody's reader.

    Returns
    -------
    (n, 8) array of uint64
        Words 0 to 2 choose buckets, word 3 positions within them.

    Raises
    ------
    LayoutError
        If the salt has another length.

    Examples
    --------
    >>> hash_tags([bytes(16)], salt=bytes(32)).shape
    (1, 8)
    """
    if len(salt) != SALT_SIZE:
        raise LayoutError(
            f"salt: expected {SALT_SIZE} bytes; got {len(salt)}; derive it from the "
            "openings of all servers"
        )
    digests = [hashlib.blake2b(t, key=salt, person=_PERSON).digest() for t in tags]
    words = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 8)
    return words.astype(np.uint64, copy=False)


def candidate_buckets(words: NDArray[np.uint64], buckets: int) -> NDArray[np.int64]:
    """Return the three distinct buckets of each tag.

    A draw without replacement: the second is drawn from the others, the third from
    what then remains.

    Parameters
    ----------
    words : (n, 8) array of uint64
        From `hash_tags`.
    buckets : int
        From 4 to 4096.

    Returns
    -------
    (n, 3) array of int64

    Raises
    ------
    LayoutError
        If the number of buckets is out of range.

    Examples
    --------
    >>> candidate_buckets(np.zeros((1, 8), np.uint64), buckets=150)
    array([[0, 1, 2]])
    """
    if not MIN_BUCKETS <= buckets <= MAX_BUCKETS:
        raise LayoutError(
            f"buckets: expected {MIN_BUCKETS} to {MAX_BUCKETS}; got {buckets}; "
            "1.5 times the friends of a client is usual"
        )
    first, second, third = (
        (words[:, i] % np.uint64(buckets - i)).astype(np.int64) for i in range(COPIES)
    )
    second += second >= first
    third += third >= np.minimum(first, second)
    third += third >= np.maximum(first, second)
    return np.stack([first, second, third], axis=1)


def assign_buckets(
    candidates: Sequence[Sequence[int]] | NDArray[np.int64], buckets: int
) -> list[int | None]:
    """Give each wanted tag one of its buckets, at most one tag per bucket.

    A maximum matching by augmenting paths.  A tag once assigned is never dropped for
    a later one, so the order of the list is an order of priority.

    Parameters
    ----------
    candidates : (m, 3) array or sequences of int
    buckets : int

    Returns
    -------
    list of int or None
        None for a tag that found no place; it waits for the next epoch, silently.

    Examples
    --------
    >>> assign_buckets([[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2]], buckets=4)
    [0, 1, 2, None]
    >>> assign_buckets([[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 2, 3]], buckets=4)
    [0, 1, 2, 3]
    """
    choices = [[int(bucket) for bucket in row] for row in candidates]
    owner: list[int | None] = [None] * buckets
    assigned: list[int | None] = [None] * len(choices)
    for tag in range(len(choices)):
        _augment(tag, choices, owner, assigned)
    return assigned


def _augment(
    tag: int,
    choices: list[list[int]],
    owner: list[int | None],
    assigned: list[int | None],
) -> None:
    """Search breadth-first for a free bucket; move the tags along the way to it."""
    asked_by: dict[int, int] = {}
    waiting = deque([tag])
    while waiting:
        asking = waiting.popleft()
        for bucket in choices[asking]:
            if bucket in asked_by:
                continue
            asked_by[bucket] = asking
            holder = owner[bucket]
            if holder is None:
                _move(bucket, asked_by, owner, assigned)
                return
            waiting.append(holder)


def _move(
    bucket: int,
    asked_by: dict[int, int],
    owner: list[int | None],
    assigned: list[int | None],
) -> None:
    free: int | None = bucket
    while free is not None:
        tag = asked_by[free]
        left = assigned[tag]
        owner[free], assigned[tag] = tag, free
        free = left
