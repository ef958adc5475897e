"""A line on a terminal in which the gap of a long fit is seen to shrink."""

import sys
import time
from typing import TextIO

from splinear.core.certificate import Certificate


class Progress:
    """Write the gap to `stream` once a fit has lasted longer than `after` seconds.

    Parameters
    ----------
    label : str
        What is being fitted.
    after : float
        Seconds of silence at the start: short fits print nothing.
    stream : text stream, optional
        Standard error by default.
    """

    def __init__(
        self, label: str = "fit", after: float = 1.0, stream: TextIO | None = None
    ) -> None:
        self._label, self._after = label, after
        self._stream = sys.stderr if stream is None else stream
        self._began = time.perf_counter()
        self._wrote = False

    def report(self, step: int, certificate: Certificate) -> None:
        """Show step number, relative gap and seconds on one rewritten line."""
        seconds = time.perf_counter() - self._began
        if seconds < self._after:
            return
        self._wrote = True
        line = (
            f"{self._label}: step {step}, relative gap {certificate.relative_gap:.1e}"
        )
        self._stream.write(f"\r{line}, {seconds:.0f} s ")
        self._stream.flush()

    def close(self) -> None:
        """End the line, if one was begun."""
        if self._wrote:
            self._stream.write("\n")
            self._stream.flush()
            self._wrote = False


def progress_for(verbose: bool | str, label: str = "fit") -> Progress | None:
    """Return a progress line for `verbose`: True, False, or "auto" (on a terminal).

    Examples
    --------
    >>> progress_for(False) is None
    True
    """
    if verbose == "auto":
        verbose = sys.stderr.isatty()
    return Progress(label) if verbose else None
