"""One interface over all ways of asking: bytes in, bytes out, randomness passed in.

A *backend* fixes how many servers there are, how many of them may collude, and the
form of queries.  It knows neither sockets nor clocks nor keys: whether a record is
genuine is asked of a function that the caller passes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, final

from private_presence.errors import (
    AnswerError,
    CapacityError,
    LayoutError,
    QueryError,
)
from private_presence.pir.kernels import Kernel
from private_presence.pir.records import Records
from private_presence.pir.table import Table, TableId

Random = Callable[[int], bytes]  # `n` -> n uniform bytes; os.urandom in earnest
Check = Callable[[bytes], bool]  # `value` -> is it the owner's, signed for this epoch?


@dataclass(frozen=True)
class Query:
    """A private query: one body for each server, and what the client remembers.

    Send each body to its server once.  A retry sends the same bytes to the same
    server; a body is never shown to another (two of them may name the friends).

    Parameters
    ----------
    bodies : tuple of bytes
        In the order of the servers.
    manifest : bytes
        Of the table that is asked.
    places : tuple of (bytes, int)
        Secret: the wanted tags with the buckets that were asked for them.
    deferred : tuple of bytes
        Secret: tags for which no bucket was left in this epoch.

    Examples
    --------
    Nothing of it shows itself, not even in a log:

    >>> Query((b"for server 0", b"for server 1"), b"manifest", ((b"tag", 3),), ())
    Query()
    """

    bodies: tuple[bytes, ...] = field(repr=False)
    manifest: bytes = field(repr=False)
    places: tuple[tuple[bytes, int], ...] = field(repr=False)
    deferred: tuple[bytes, ...] = field(repr=False)


class Sizes(NamedTuple):
    """Bytes of bodies, which follow from a manifest alone.

    Parameters
    ----------
    queries : frozenset of int
        What a query may have; which of them a server gets says nothing.
    answer : int

    Examples
    --------
    A query of two servers is a seed or a bit for each cell, after one byte of version:

    >>> from private_presence.pir.xor import XorPir
    >>> pir = XorPir(servers=2, capacity=2, buckets=4)
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> sizes = pir.sizes(table.manifest)
    >>> sorted(sizes.queries), sizes.answer
    ([9, 33], 17)
    """

    queries: frozenset[int]
    answer: int


@dataclass(frozen=True)
class Lookup:
    """What the answers of all servers amount to.

    Nothing here may change what the client sends later: a server that damages a
    record and watches for a reaction would learn who reads it.

    Parameters
    ----------
    values : dict from bytes to bytes or None
        The genuine value of each wanted tag that was asked; None if there is none.
    consistent : bool
        Whether the answers contradict each other nowhere that can be seen without
        knowing a tag: buckets that nobody was asked for must be zero.
    unresolved : tuple of bytes
        Tags whose bucket was answered wrongly and could not be restored.
    accused : tuple of int
        Servers, counted from 0, shown to have answered wrongly.  Stays on the device.
    accused_openly : tuple of int
        Those among them shown by buckets without a wanted tag: only this may be told
        to others, because it is the same whoever the friends are.

    Examples
    --------
    >>> lookup = Lookup({b"tag": b"here", b"another": None}, consistent=True)
    >>> lookup.values[b"tag"]
    b'here'
    >>> lookup
    Lookup(consistent=True, accused_openly=())
    """

    values: dict[bytes, bytes | None] = field(repr=False)
    consistent: bool
    unresolved: tuple[bytes, ...] = field(default=(), repr=False)
    accused: tuple[int, ...] = field(default=(), repr=False)
    accused_openly: tuple[int, ...] = ()


class PirServer(ABC):
    """One lookup server with one table, ready to answer.

    Examples
    --------
    A query of another form is refused:

    >>> from private_presence.pir.download import DownloadPir
    >>> from private_presence.pir.kernels import load_kernel
    >>> pir = DownloadPir()
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> server = pir.server(table, 0, load_kernel())
    >>> server.answer([b"?"])
    Traceback (most recent call last):
    private_presence.errors.VersionError: query: expected version 1 and a form of ...
    """

    @abstractmethod
    def answer(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Answer a batch of queries in one pass over the table.

        Parameters
        ----------
        bodies : sequence of bytes

        Returns
        -------
        list of bytes

        Raises
        ------
        EncodingError
            If a body has another form or size: the whole batch is refused.
        """


class PirBackend(ABC):
    """A way of asking `servers` servers of which `collusion` may conspire.

    Examples
    --------
    A server builds the table itself, and serves none that the manifest does not name:

    >>> from private_presence.pir.xor import XorPir
    >>> pir, raw = XorPir(capacity=2, buckets=4), bytes(16) + b"here"
    >>> at, salt = TableId(bytes(16), 2, 7), bytes(32)
    >>> table = pir.encode(Records.from_bytes(raw, value_size=4), at, salt)
    >>> pir.rebuild(raw, at, salt, table.manifest).cells.shape
    (4, 12, 4)
    >>> pir.rebuild(bytes(16) + b"gone", at, salt, table.manifest)
    Traceback (most recent call last):
    private_presence.errors.LayoutError: manifest: expected the one that ...
    """

    servers: int
    collusion: int
    capacity: int

    @abstractmethod
    def encode(self, records: Records, table: TableId, salt: bytes) -> Table:
        """Lay out one epoch's records.

        Parameters
        ----------
        records : Records
        table : TableId
        salt : bytes, 32 of them

        Returns
        -------
        Table

        Raises
        ------
        LayoutError
            If the records cannot be laid out with this salt.
        """

    @abstractmethod
    def server(self, table: Table, index: int, kernel: Kernel) -> PirServer:
        """Make server number `index`, from 0, ready to answer from a table.

        Parameters
        ----------
        table : Table
        index : int
        kernel : Kernel

        Returns
        -------
        PirServer

        Raises
        ------
        QueryError
            If there is no such server.
        EncodingError
            If the table's manifest is of another layout.
        """

    @abstractmethod
    def query(self, manifest: bytes, wanted: Sequence[bytes], random: Random) -> Query:
        """Ask for the records of some tags.

        The number and the sizes of the bodies depend on the manifest alone.

        Parameters
        ----------
        manifest : bytes
        wanted : sequence of bytes
            Distinct tags in order of priority, at most `capacity` of them.
        random : callable
            ``random(n)`` returns n uniform bytes: the system generator.

        Returns
        -------
        Query

        Raises
        ------
        CapacityError
            If there are more tags than `capacity`.
        QueryError
            If a tag has another size, or comes twice.
        EncodingError
            If the manifest is not canonical, or of another layout.
        """

    @abstractmethod
    def decode(
        self,
        query: Query,
        answers: Sequence[bytes | None],
        checks: Mapping[bytes, Check],
    ) -> Lookup:
        """Reconstruct the wanted records from the servers' answers.

        Parameters
        ----------
        query : Query
        answers : sequence of bytes or None
            In the order of the servers; None for a server that did not answer.
        checks : mapping from bytes to callable
            For each wanted tag, a function that verifies the signature of a value
            under the key of *that* tag.  A check that accepted any genuine record
            would be wrong: the cells of an absent tag may by chance be those of
            somebody else's record.

        Returns
        -------
        Lookup

        Raises
        ------
        AnswerError
            If too few answers are well-formed, or there is not one entry per server.
        QueryError
            If there is no check for a tag that was asked.
        """

    @abstractmethod
    def sizes(self, manifest: bytes) -> Sizes:
        """Say how long the bodies are that go to and come from each server.

        Parameters
        ----------
        manifest : bytes

        Returns
        -------
        Sizes

        Raises
        ------
        EncodingError
            If the manifest is not canonical, or of another layout.
        """

    @final
    def rebuild(
        self, raw: bytes, table: TableId, salt: bytes, manifest: bytes
    ) -> Table:
        """Build a table from the raw file, and insist that it is the manifest's.

        What a lookup server does before it serves: the registrar could otherwise give
        two servers different tables, or choose counters or sizes to its liking.

        Parameters
        ----------
        raw : bytes
            Tags and values, sorted by tag.
        table : TableId
        salt : bytes, 32
        manifest : bytes

        Returns
        -------
        Table

        Raises
        ------
        LayoutError
            If any byte of the manifest differs from what the other arguments give.
        """
        value_size = self.value_size(manifest)
        built = self.encode(Records.from_bytes(raw, value_size=value_size), table, salt)
        if built.manifest != manifest:
            raise LayoutError(
                "manifest: expected the one that the raw file and the salt determine; "
                "got another; do not serve it, and compare with the other servers"
            )
        return built

    @abstractmethod
    def value_size(self, manifest: bytes) -> int:
        """Return the bytes of a value, as a manifest says.

        Parameters
        ----------
        manifest : bytes

        Returns
        -------
        int

        Raises
        ------
        EncodingError
            If the manifest is not canonical, or of another layout.
        """

    @final
    def check_index(self, index: int) -> int:
        """Return the server's number if there is such a server.

        Parameters
        ----------
        index : int

        Returns
        -------
        int

        Raises
        ------
        QueryError
            If there is none.
        """
        if not 0 <= index < self.servers:
            raise QueryError(
                f"server: expected a number from 0 to {self.servers - 1}; got {index}"
            )
        return index

    @final
    def check_wanted(self, wanted: Sequence[bytes], tag_size: int) -> tuple[bytes, ...]:
        """Return the tags if they can be asked for together.

        Parameters
        ----------
        wanted : sequence of bytes
        tag_size : int

        Returns
        -------
        tuple of bytes

        Raises
        ------
        CapacityError
            If they are more than `capacity`.
        QueryError
            If one has another size, or one comes twice.
        """
        if len(wanted) > self.capacity:
            raise CapacityError(
                f"query: expected at most {self.capacity} tags; got {len(wanted)}; "
                "ask for the others in the next epoch"
            )
        if any(len(tag) != tag_size for tag in wanted) or len(set(wanted)) < len(
            wanted
        ):
            raise QueryError(
                f"query: expected distinct tags of {tag_size} bytes; got a repeated one "
                "or another size; ask for each friend once"
            )
        return tuple(wanted)

    @final
    def check_answers(
        self, answers: Sequence[bytes | None], size: int
    ) -> list[bytes | None]:
        """Return the answers, with None for those that cannot be answers.

        Parameters
        ----------
        answers : sequence of bytes or None
        size : int
            Bytes of a well-formed answer, version byte included.

        Returns
        -------
        list of bytes or None
            Without the version byte.

        Raises
        ------
        AnswerError
            If there is not one per server.
        """
        if len(answers) != self.servers:
            raise AnswerError(
                f"answers: expected {self.servers}, one per server; got {len(answers)}; "
                "put None for a server that did not answer"
            )
        return [body_or_none(answer, size) for answer in answers]


FORMAT = 1  # first byte of every answer, and part of the first byte of every query


def body_or_none(answer: bytes | None, size: int) -> bytes | None:
    r"""Return an answer without its version byte, or None if it is malformed.

    Parameters
    ----------
    answer : bytes or None
    size : int
        Bytes expected, version byte included.

    Returns
    -------
    bytes or None

    Examples
    --------
    >>> body_or_none(bytes([FORMAT, 7]), 2), body_or_none(b"", 2)
    (b'\x07', None)
    """
    if answer is None or len(answer) != size or answer[0] != FORMAT:
        return None
    return answer[1:]


def verified(value: bytes, tag: bytes, checks: Mapping[bytes, Check]) -> bool:
    """Say whether a value is genuine; a check that is missing is an error.

    Parameters
    ----------
    value, tag : bytes
    checks : mapping from bytes to callable

    Returns
    -------
    bool

    Raises
    ------
    QueryError
        If there is no check for the tag: an unchecked value must not pass.

    Examples
    --------
    >>> checks = {b"tag": lambda value: value == b"signed"}
    >>> verified(b"signed", b"tag", checks), verified(b"forged", b"tag", checks)
    (True, False)
    >>> verified(b"signed", b"another tag", checks)
    Traceback (most recent call last):
    private_presence.errors.QueryError: checks: expected one for each wanted tag; ...
    """
    if tag not in checks:
        raise QueryError(
            "checks: expected one for each wanted tag; one is missing; pass the "
            "signature check of every friend"
        )
    return bool(checks[tag](value))
