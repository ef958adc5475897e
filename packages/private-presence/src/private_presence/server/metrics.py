"""What a server counts: events of the service, never of a user.

Labels have few, fixed values (a kind, an answer, a server's number); an epoch is never a
label, or the number of series would grow for ever.  What the operator page shows epoch
by epoch is kept apart, for the last epochs only.
"""

import threading
from dataclasses import dataclass, replace
from typing import final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from private_presence.protocol.epochs import Kind
from private_presence.protocol.receipt import Answer

__all__ = ["EpochLine", "Metrics"]

KEPT_LINES = 24  # of each kind, on the operator page
SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class EpochLine:
    """What the operator page says of one table.

    Parameters
    ----------
    kind : Kind
    epoch : int
    state : str
        OPEN, FROZEN, BUILT, PUBLISHED or RETIRED, as far as this server knows.
    records : int or None
    freeze_to_publish : float or None
        Seconds.
    build : float or None
        Seconds.
    retries, largest_bucket : int or None
        Of the layout.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.records(Kind.ST, 7, 1000)
    >>> metrics.state(Kind.ST, 7, "FROZEN")
    >>> metrics.lines() == [EpochLine(Kind.ST, 7, "FROZEN", records=1000)]
    True
    """

    kind: Kind
    epoch: int
    state: str = "OPEN"
    records: int | None = None
    freeze_to_publish: float | None = None
    build: float | None = None
    retries: int | None = None
    largest_bucket: int | None = None


@final
class Metrics:
    """Counters of one server process, in a registry of their own.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.registration(Kind.ST, Answer.ACCEPTED)
    >>> metrics.value("presence_registrations_total", kind="st", answer="accepted")
    1.0
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lines: dict[tuple[Kind, int], EpochLine] = {}
        self._turn = threading.Lock()  # steps note from their threads
        self._registrations = self._counter(
            "registrations", "Registrations by answer", ["kind", "answer"]
        )
        self._records = self._gauge("records", "Records of the newest table", ["kind"])
        self._late = self._counter(
            "late", "Tables published after their start", ["kind"]
        )
        self._tokens = self._counter("tokens", "Tokens by outcome", ["role", "outcome"])
        self._mismatches = self._counter("mismatches", "Manifests that differ", [])
        self._peer_failures = self._counter(
            "peer_failures", "Exchanges with a server that failed", ["server"]
        )
        self._failures = self._counter("failures", "Unexpected failures", ["where"])
        self._answers = self._counter("http_answers", "Answers by status", ["status"])
        self._reaped = self._counter("closed_connections", "Closed by a limit", [])
        self._relayed = self._counter("relayed", "Relayed connections", ["outcome"])
        self._build_metrics()
        self._pir_metrics()

    def _build_metrics(self) -> None:
        self._publish = self._seconds(
            "freeze_to_publish", "Freeze to publish", ["kind"]
        )
        self._build = self._seconds("build", "Building a table", ["kind"])
        self._retries = self._counter("build_retries", "Layout retries", ["kind"])
        self._bucket = self._gauge("largest_bucket", "Records of it", ["kind"])

    def _pir_metrics(self) -> None:
        self._queries = self._counter("pir_queries", "Queries answered", [])
        self._scanned = self._counter("pir_scanned_bytes", "Bytes read for them", [])
        self._busy = self._counter("pir_busy_seconds", "Seconds computing", [])
        self._batch = Histogram(
            "presence_pir_batch_size",
            "Queries answered at once",
            buckets=BATCHES,
            registry=self.registry,
        )
        self._wait = self._seconds("pir_queue_wait", "Waiting for a batch", [])

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(f"presence_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(f"presence_{name}", text, labels, registry=self.registry)

    def _seconds(self, name: str, text: str, labels: list[str]) -> Histogram:
        return Histogram(
            f"presence_{name}_seconds",
            text,
            labels,
            buckets=SECONDS,
            registry=self.registry,
        )

    def registration(self, kind: Kind, answer: Answer) -> None:
        """Count a registration or withdrawal that was answered.

        Parameters
        ----------
        kind : Kind
        answer : Answer
        """
        self._registrations.labels(_word(kind), answer.name.lower()).inc()

    def records(self, kind: Kind, epoch: int, n: int) -> None:
        """Note how many records a frozen table has.

        Parameters
        ----------
        kind : Kind
        epoch : int
        n : int
        """
        self._records.labels(_word(kind)).set(n)
        self._note(kind, epoch, records=n)

    def state(self, kind: Kind, epoch: int, name: str) -> None:
        """Note the state that a table reached.

        Parameters
        ----------
        kind : Kind
        epoch : int
        name : str
            One of the five.
        """
        self._note(kind, epoch, state=name)

    def published(
        self,
        kind: Kind,
        epoch: int,
        freeze_to_publish_s: float,
        build_s: float,
        retries: int,
        largest_bucket: int,
    ) -> None:
        """Note a table that is being served.

        Parameters
        ----------
        kind : Kind
        epoch : int
        freeze_to_publish_s, build_s : float
            Seconds.
        retries : int
            Bucket counters above zero in the layout.
        largest_bucket : int
            Its records.
        """
        word = _word(kind)
        self._publish.labels(word).observe(freeze_to_publish_s)
        self._build.labels(word).observe(build_s)
        self._retries.labels(word).inc(retries)
        self._bucket.labels(word).set(largest_bucket)
        self._note(
            kind,
            epoch,
            state="PUBLISHED",
            freeze_to_publish=freeze_to_publish_s,
            build=build_s,
            retries=retries,
            largest_bucket=largest_bucket,
        )

    def late(self, kind: Kind) -> None:
        """Count a table that was published after its epoch had started.

        Parameters
        ----------
        kind : Kind
        """
        self._late.labels(_word(kind)).inc()

    def pir(
        self, queries: int, batch_size: int, seconds: float, bytes_scanned: int
    ) -> None:
        """Count a batch of queries that was answered.

        Parameters
        ----------
        queries : int
        batch_size : int
        seconds : float
            Computing.
        bytes_scanned : int
            Of the table, once for each query.
        """
        self._queries.inc(queries)
        self._batch.observe(batch_size)
        self._busy.inc(seconds)
        self._scanned.inc(bytes_scanned)

    def queue_wait(self, s: float) -> None:
        """Note how long a query waited for its batch.

        Parameters
        ----------
        s : float
            Seconds.
        """
        self._wait.observe(s)

    def token(self, role: int, outcome: str) -> None:
        """Count tokens issued or redeemed.

        Parameters
        ----------
        role : int
        outcome : str
            One word of the program's own: never text that came from outside.
        """
        self._tokens.labels(str(int(role)), outcome).inc()

    def mismatch(self) -> None:
        """Count two manifests of one table: an alarm (F10)."""
        self._mismatches.inc()

    def peer_failure(self, server: int) -> None:
        """Count an exchange with a lookup server that failed.

        Parameters
        ----------
        server : int
        """
        self._peer_failures.labels(str(server)).inc()

    def failure(self, where: str) -> None:
        """Count an exception that nobody expected.

        Parameters
        ----------
        where : str
            One word of the program's own.
        """
        self._failures.labels(where).inc()

    def answered(self, status: int) -> None:
        """Count an HTTP answer.

        Parameters
        ----------
        status : int
        """
        self._answers.labels(str(status)).inc()

    def reaped(self, n: int) -> None:
        """Count connections closed for being idle, old or too many.

        Parameters
        ----------
        n : int
        """
        self._reaped.inc(n)

    def relayed(self, outcome: str) -> None:
        """Count a connection through the relay.

        Parameters
        ----------
        outcome : str
            One word of the program's own.
        """
        self._relayed.labels(outcome).inc()

    def lines(self) -> list[EpochLine]:
        """Give what is known of the last tables.

        Returns
        -------
        list of EpochLine
            Newest first, LT before ST.
        """
        with self._turn:
            known = list(self._lines.values())
        return sorted(known, key=lambda line: (line.kind, -line.epoch))

    def value(self, name: str, **labels: str) -> float:
        """Read a number back, for the operator page and tests.

        Parameters
        ----------
        name : str
            As in the text format.
        **labels : str
            Those that are not given are summed over.

        Returns
        -------
        float
            Zero if nothing was counted.
        """
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def text(self) -> bytes:
        """Give all numbers in Prometheus' text format.

        Returns
        -------
        bytes
        """
        return generate_latest(self.registry)

    def _note(self, kind: Kind, epoch: int, **changes: object) -> None:
        with self._turn:
            line = self._lines.get((kind, epoch), EpochLine(kind, epoch))
            self._lines[kind, epoch] = replace(line, **changes)
            same = sorted(e for k, e in self._lines if k is kind)
            for old in same[:-KEPT_LINES]:
                del self._lines[kind, old]


def _word(kind: Kind) -> str:
    return Kind(kind).name.lower()
