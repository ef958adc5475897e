"""Counters count, and no label can name a user or grow without end."""

import threading

from private_presence.protocol.epochs import Kind
from private_presence.protocol.receipt import Answer
from private_presence.server.metrics import KEPT_LINES, Metrics


def everything(metrics):
    metrics.registration(Kind.LT, Answer.CONFLICT)
    metrics.records(Kind.ST, 5, 100)
    metrics.state(Kind.ST, 5, "FROZEN")
    metrics.published(Kind.ST, 5, 2.0, 0.5, 3, 17)
    metrics.late(Kind.LT)
    metrics.pir(64, 64, 0.25, 10_000)
    metrics.queue_wait(0.01)
    metrics.token(16, "spent")
    metrics.mismatch()
    metrics.peer_failure(1)
    metrics.failure("handle")
    metrics.answered(200)
    metrics.reaped(4)
    metrics.relayed("carried")


def test_every_event_shows_in_the_text():
    metrics = Metrics()
    before = metrics.text()
    everything(metrics)
    text = metrics.text().decode()
    assert text.encode() != before
    for line in (
        'presence_registrations_total{answer="conflict",kind="lt"} 1.0',
        'presence_records{kind="st"} 100.0',
        'presence_freeze_to_publish_seconds_sum{kind="st"} 2.0',
        'presence_build_retries_total{kind="st"} 3.0',
        'presence_late_total{kind="lt"} 1.0',
        "presence_pir_queries_total 64.0",
        "presence_pir_scanned_bytes_total 10000.0",
        'presence_tokens_total{outcome="spent",role="16"} 1.0',
        "presence_mismatches_total 1.0",
        'presence_peer_failures_total{server="1"} 1.0',
        'presence_relayed_total{outcome="carried"} 1.0',
        "presence_closed_connections_total 4.0",
    ):
        assert line in text


def test_the_operators_lines_follow_a_table_and_are_bounded():
    metrics = Metrics()
    everything(metrics)
    (line,) = metrics.lines()
    assert (line.state, line.records, line.largest_bucket) == ("PUBLISHED", 100, 17)
    for epoch in range(1000):
        metrics.state(Kind.ST, epoch, "OPEN")
        metrics.state(Kind.LT, epoch, "OPEN")
    assert len(metrics.lines()) == 2 * KEPT_LINES
    assert metrics.lines()[0].epoch == 999


def test_threads_may_note_at_the_same_time():
    """Each switch of threads at the worst place: in the middle of a walk."""
    metrics, failed = Metrics(), []

    class Slow(dict):
        def __iter__(self):
            for key in super().__iter__():
                threading.Event().wait(0)
                yield key

    def note(kind):
        try:
            for epoch in range(200):
                metrics.state(kind, epoch, "OPEN")
        except RuntimeError as error:
            failed.append(error)

    metrics._lines = Slow()
    threads = [threading.Thread(target=note, args=(kind,)) for kind in Kind]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(metrics.lines()) == 2 * KEPT_LINES


def test_epochs_add_no_series():
    metrics = Metrics()
    everything(metrics)
    size = len(metrics.text().splitlines())
    for epoch in range(100):
        metrics.records(Kind.ST, epoch, 1)
        metrics.published(Kind.ST, epoch, 1.0, 1.0, 0, 1)
    assert len(metrics.text().splitlines()) == size


def test_two_servers_in_one_process_do_not_share_numbers():
    one, two = Metrics(), Metrics()
    one.mismatch()
    assert two.value("presence_mismatches_total") == 0
