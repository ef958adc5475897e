"""What the backends over the fuse layout share: placing tags, and checking answers."""

from abc import abstractmethod
from typing import final

import numpy as np

from private_presence.errors import InputError, LengthError, VersionError
from private_presence.pir.backend import FORMAT, PirBackend, Sizes, verified
from private_presence.pir.batch_code import (
    MAX_BUCKETS,
    MIN_BUCKETS,
    assign_buckets,
    candidate_buckets,
    hash_tags,
)
from private_presence.pir.fuse import fuse_positions
from private_presence.pir.layout import build_fuse_table
from private_presence.pir.manifest import FuseManifest

TAG_SIZE = 16


class FuseBackend(PirBackend):
    """Base of the backends that ask one private question per bucket."""

    def __init__(self, *, servers, collusion, capacity=101, buckets=150):
        if not 1 <= capacity <= buckets:
            raise InputError(
                f"capacity: expected 1 to {buckets}, the number of buckets; got "
                f"{capacity}; take 1.5 buckets for each friend"
            )
        if not MIN_BUCKETS <= buckets <= MAX_BUCKETS:
            raise InputError(
                f"buckets: expected {MIN_BUCKETS} to {MAX_BUCKETS}; got {buckets}"
            )
        self.servers, self.collusion = servers, collusion
        self.capacity, self.buckets = capacity, buckets

    @final
    def encode(self, records, table, salt):
        return build_fuse_table(records, table, salt=salt, buckets=self.buckets)

    @final
    def value_size(self, manifest):
        return FuseManifest.from_bytes(manifest).value_size

    @final
    def sizes(self, manifest):
        header = FuseManifest.from_bytes(manifest)
        payloads = self.payload_sizes(header)
        return Sizes(frozenset(1 + size for size in payloads), answer_size(header))

    @abstractmethod
    def payload_sizes(self, manifest) -> tuple[int, ...]:
        """Return the bytes that queries may have after their first one."""

    def places(self, manifest, wanted):
        """Return {tag: (bucket, three cells)} and the tags that found no bucket."""
        wanted = self.check_wanted(wanted, TAG_SIZE)
        words = hash_tags(wanted, manifest.salt)
        assigned = assign_buckets(
            candidate_buckets(words, manifest.buckets), manifest.buckets
        )
        found = [i for i, bucket in enumerate(assigned) if bucket is not None]
        buckets = np.array([assigned[i] for i in found], np.int64)
        counters = manifest.counter_array[buckets]
        cells = fuse_positions(words[found, 3], counters, manifest.shape)
        placed = {
            wanted[i]: (int(b), c)
            for i, b, c in zip(found, buckets, cells, strict=True)
        }
        return placed, tuple(tag for tag in wanted if tag not in placed)


def remembered(placed):
    return tuple((tag, bucket) for tag, (bucket, _) in placed.items())


def query_matrix(manifest, placed):
    """Return the (B, L) matrix of 0 and 1 with three ones in each asked row."""
    matrix = np.zeros((manifest.buckets, manifest.length), np.uint8)
    for bucket, cells in placed.values():
        matrix[bucket, cells] = 1
    return matrix


def idle_buckets(manifest, query):
    """Return the buckets in which nothing was asked: their answers must be zero."""
    idle = np.ones(manifest.buckets, bool)
    idle[[bucket for _, bucket in query.places]] = False
    return np.flatnonzero(idle)


def answer_size(manifest):
    return 1 + manifest.buckets * manifest.value_size


def answer_bytes(values):
    return bytes([FORMAT]) + values.tobytes()


def answer_rows(manifest, body):
    shape = manifest.buckets, manifest.value_size
    return np.frombuffer(body, np.uint8).reshape(shape)


def checked_values(rows, query, checks):
    """Return {tag: genuine value or None} from the (B, V) reconstructed buckets."""
    values = {}
    for tag, bucket in query.places:
        value = rows[bucket].tobytes()
        values[tag] = value if verified(value, tag, checks) else None
    return values


def split_body(body, forms):
    """Return the form and the payload of a query; `forms` maps form -> payload size.

    The first byte holds the version in its high half and the form in its low one.
    """
    if not body or body[0] >> 4 != FORMAT or body[0] & 15 not in forms:
        got = body[:1].hex() or "nothing"
        raise VersionError(
            f"query: expected version {FORMAT} and a form of {sorted(forms)}; got first "
            f"byte {got}; use a program of the deployment's version"
        )
    form = body[0] & 15
    if len(body) != 1 + forms[form]:
        raise LengthError(
            f"query: expected {1 + forms[form]} bytes; got {len(body)}; ask with this "
            "table's manifest"
        )
    return form, body[1:]


def join_body(form, payload):
    return bytes([FORMAT << 4 | form]) + payload
