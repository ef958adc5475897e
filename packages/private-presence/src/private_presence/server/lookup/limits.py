"""What a lookup server allows itself: sizes of queues, batches and files."""

from dataclasses import dataclass

from private_presence.errors import InputError

__all__ = ["Limits", "batch_delay"]


@dataclass(frozen=True)
class Limits:
    """Bounds of one server process; none of them is seen by a client that behaves.

    Parameters
    ----------
    records : int
        Rows of the longest raw file that is taken, 600 MB for LT at the default.
    queue : int
        Queries waiting or being computed; one more is told to come again.
    batch : int, 1 to 256
        Queries of one pass over a table; 256 fill the kernel's accumulators.
    delay : float
        Seconds that the first query of a batch waits for others, at most.
    split : int
        Queries below which a batch is not divided among workers: each of them reads
        the whole table.
    older : int
        LT tables besides the newest two that stay encoded.
    remembered : int
        Bytes of answers kept for clients whose connection broke before the end.
    resends : int
        Times that one token's query is computed anew when its answer is not kept any
        more: a scan is dear, and it was paid once.
    peer_seconds : float
        Patience with another server while its promise is compared.

    Raises
    ------
    InputError
        If a bound is not positive (`delay`, `older`, `remembered` and `resends` may be
        0), or a batch is longer than the kernel's.

    Examples
    --------
    >>> Limits(batch=64).queue
    1024
    >>> Limits(batch=257)
    Traceback (most recent call last):
    private_presence.errors.InputError: limits: expected positive bounds and batches ...
    """

    records: int = 1_000_000
    queue: int = 1024
    batch: int = 256
    delay: float = 0.05
    split: int = 16
    older: int = 2
    remembered: int = 8 << 20
    resends: int = 3
    peer_seconds: float = 5.0

    def __post_init__(self) -> None:
        least = min(self.records, self.queue, self.batch, self.split)
        free = min(self.delay, self.older, self.remembered, self.resends)
        if least < 1 or self.batch > 256 or free < 0 or not self.peer_seconds > 0:
            raise InputError(
                f"limits: expected positive bounds and batches of at most 256; got "
                f"{self}; correct the server's settings"
            )


def batch_delay(limits: Limits, st_ms: int) -> float:
    """Return how long a batch is collected.

    Parameters
    ----------
    limits : Limits
    st_ms : int
        Milliseconds of a short epoch: waiting costs at most a hundredth of it.

    Returns
    -------
    float
        Seconds.

    Examples
    --------
    >>> batch_delay(Limits(), 300_000), batch_delay(Limits(), 2_000)
    (0.05, 0.02)
    """
    return min(limits.delay, st_ms / 100_000)
