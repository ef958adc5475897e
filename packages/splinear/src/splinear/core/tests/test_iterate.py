"""The one loop: how it ends, what it keeps, what it shows."""

import io

import pytest

from splinear.core import Status, certify, iterate
from splinear.core.iterate import PATIENCE
from splinear.core.progress import Progress, progress_for


class Sequence:
    """A method whose state is an index into given gaps; `stop` raises there."""

    def __init__(self, gaps, interrupt_at=None, end_at=None):
        self.gaps, self.interrupt_at, self.end_at = gaps, interrupt_at, end_at

    def gap(self, state):
        return self.gaps[min(state, len(self.gaps) - 1)]

    def init(self):
        return 0

    def certify(self, state):
        gap = self.gap(state)
        return 1.0 + gap, certify("exact", 1.0 + gap, gap, scale=2.0)

    def step(self, state):
        if state == self.interrupt_at:
            raise KeyboardInterrupt
        return None if state == self.end_at else state + 1

    def finish(self, state):
        return f"value {state}"

    def stats(self, state):
        return {"state": state}


def halving(count=60):
    return [2.0**-k for k in range(count)]


def test_it_stops_at_the_tolerance_and_no_later():
    result = iterate(Sequence(halving()), tol=2.0**-11, max_iter=100)
    assert result.status is Status.CONVERGED
    assert result.converged
    # The scale is 2: a gap of 2^-10 is a relative gap of 2^-11.
    assert (result.value, result.certificate.gap) == ("value 10", 2.0**-10)
    assert result.certificate.relative_gap == 2.0**-11
    assert result.stats["n_iter"] == result.stats["state"] == 10
    assert result.stats["seconds"] >= 0.0


def test_a_first_state_that_is_good_enough_costs_no_step():
    result = iterate(Sequence([0.0], interrupt_at=0), tol=0.0, max_iter=0)
    assert (result.status, result.stats["n_iter"]) == (Status.CONVERGED, 0)


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_max_iter(limit):
    result = iterate(Sequence(halving()), tol=0.0, max_iter=limit)
    assert result.status is Status.MAX_ITER
    assert not result.converged
    assert result.stats["n_iter"] == limit
    assert result.value == f"value {limit}"


def test_interruption_returns_the_best_point_with_its_certificate():
    # The best gap is at state 2; Ctrl-C arrives later, at a worse state.
    result = iterate(
        Sequence([8.0, 4.0, 1.0, 3.0, 5.0], interrupt_at=4), tol=1e-3, max_iter=100
    )
    assert result.status is Status.INTERRUPTED
    assert "Interrupted" in result.status.value
    assert (result.value, result.certificate.gap) == ("value 2", 1.0)
    assert result.objective == 2.0
    assert result.certificate.bound == 1.0


def test_interruption_while_certifying_keeps_the_point_before():
    class Slow(Sequence):
        def certify(self, state):
            if state == 3:
                raise KeyboardInterrupt
            return super().certify(state)

    result = iterate(Slow(halving()), tol=0.0, max_iter=100)
    assert (result.status, result.value) == (Status.INTERRUPTED, "value 2")


def test_errors_are_not_swallowed():
    class Broken(Sequence):
        def step(self, state):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        iterate(Broken(halving()), tol=0.0, max_iter=3)


def test_a_method_without_a_next_step_stalls():
    result = iterate(Sequence(halving(), end_at=7), tol=0.0, max_iter=100)
    assert (result.status, result.value) == (Status.STALLED, "value 7")


def test_a_gap_that_stops_shrinking_stalls_after_the_patience():
    result = iterate(Sequence([4.0, 1.0, 2.0]), tol=0.0, max_iter=10_000)
    assert (result.status, result.value) == (Status.STALLED, "value 1")
    assert result.stats["n_iter"] == PATIENCE + 2


def test_nan_gaps_never_count_as_convergence():
    result = iterate(Sequence([1.0, float("nan")]), tol=0.5 - 1e-9, max_iter=5)
    assert not result.converged
    assert result.value == "value 0"


def test_progress_shows_the_gap_shrinking():
    stream = io.StringIO()
    progress = Progress("demo", after=0.0, stream=stream)
    iterate(Sequence(halving()), tol=2.0**-6, max_iter=100, progress=progress)
    lines = stream.getvalue().split("\r")[1:]
    shown = [float(line.split("relative gap ")[1].split(",")[0]) for line in lines]
    assert len(shown) == 5
    assert shown == sorted(shown, reverse=True)
    assert shown[0] > shown[-1]
    assert lines[0].startswith("demo: step 1, ")
    assert stream.getvalue().endswith("\n")


def test_progress_ends_its_line_when_interrupted():
    stream = io.StringIO()
    progress = Progress(after=0.0, stream=stream)
    method = Sequence(halving(), interrupt_at=3)
    result = iterate(method, tol=0.0, max_iter=100, progress=progress)
    assert result.status is Status.INTERRUPTED
    assert stream.getvalue().endswith("\n")


def test_short_fits_are_silent():
    stream = io.StringIO()
    progress = Progress(after=3600.0, stream=stream)
    iterate(Sequence(halving()), tol=1e-6, max_iter=100, progress=progress)
    assert stream.getvalue() == ""


def test_progress_for_auto_asks_the_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    assert isinstance(progress_for("auto"), Progress)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert progress_for("auto") is None
    assert isinstance(progress_for(True), Progress)


def test_every_status_is_a_sentence():
    for status in Status:
        assert status.value[0].isupper()
        assert status.value.endswith(".")
