"""The operator's page as text: numbers in tables, alarms in words above them."""

import time
from dataclasses import dataclass
from html import escape

from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at, start_of, window
from private_presence.server.metrics import EpochLine, Metrics
from private_presence.server.web.overdue import newest_published, overdue

REFRESH = 5  # seconds
DAY = 86_400.0
LEAF_WARNING = 7 * DAY
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 1.8rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
td, code { font-variant-numeric: tabular-nums; white-space: nowrap; }
.alarm { border-left: .4rem solid #c22; padding: .3rem .8rem; margin: .4rem 0; }
.calm { border-left: .4rem solid #2a5; padding: .3rem .8rem; }
"""


@dataclass(frozen=True)
class Facts:
    role: str
    config: Config
    serial: int
    started: float
    now: float
    leaf_ends: float


def render(facts: Facts, metrics: Metrics) -> str:
    title = f"presence {escape(facts.role)}"
    parts = [
        f"<h1>{title}</h1>",
        _standing(facts),
        "<h2>Alarms</h2>",
        _alarms(facts, metrics),
        "<h2>Tables</h2>",
        _tables(facts, metrics.lines()),
        *_sections(metrics),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{REFRESH}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
        + "".join(parts)
        + "</body></html>"
    )


def _standing(facts: Facts) -> str:
    c = facts.config
    lt, st = (epoch_at(c, kind, facts.now) for kind in (Kind.LT, Kind.ST))
    next_st = start_of(c, Kind.ST, st + 1) - facts.now
    return (
        f"<p>Deployment <code>{c.dep_id.hex()}</code>, directory {facts.serial}, mode "
        f"{escape(c.mode)}, {len(c.servers)} lookup servers. "
        f"It is {_moment(facts.now)} UTC; running for {_span(facts.now - facts.started)}. "
        f"LT epoch {lt}, ST epoch {st}; the next short one in {_span(next_st)}. "
        f"The certificate ends in {_span(facts.leaf_ends - facts.now)}.</p>"
    )


def _alarms(facts: Facts, metrics: Metrics) -> str:
    alarms = [text for wrong, text in _conditions(facts, metrics) if wrong]
    if not alarms:
        return '<p class="calm">None since the start.</p>'
    return "".join(f'<p class="alarm">{escape(text)}</p>' for text in alarms)


def _conditions(facts: Facts, metrics: Metrics) -> list[tuple[bool, str]]:
    late = metrics.value("presence_late_total")
    mismatches = metrics.value("presence_mismatches_total")
    failures = metrics.value("presence_failures_total")
    return [
        (
            mismatches > 0,
            f"{mismatches:.0f} manifests differ between servers: keep all files and see "
            "'A mismatch' in the deployment page.",
        ),
        *_overdue(facts, metrics.lines()),
        (late > 0, f"{late:.0f} tables were published after their epoch had started."),
        (failures > 0, f"{failures:.0f} unexpected failures: see the log."),
        (_dropped(metrics.lines()), "The newest table has less than half the records."),
        (
            facts.leaf_ends - facts.now < LEAF_WARNING,
            "The certificate ends within a week: run presence operator rotate-tls.",
        ),
    ]


def _overdue(facts: Facts, lines: list[EpochLine]) -> list[tuple[bool, str]]:
    if facts.role == "relay":  # it has no tables
        return []
    return [
        (True, _silence(kind, newest_published(lines, kind)))
        for kind in overdue(facts.config, lines, facts.started, facts.now)
    ]


def _silence(kind: Kind, newest: int | None) -> str:
    last = "since the start" if newest is None else f"after that of epoch {newest}"
    return (
        f"No {kind.name} table was published {last}, and one is overdue: see the log."
    )


def _dropped(lines: list[EpochLine]) -> bool:
    # A table against the one before it, of the same kind, both published.
    for kind in Kind:
        sizes = [
            line.records
            for line in lines
            if line.kind is kind and line.records is not None and line.state != "OPEN"
        ]
        if len(sizes) >= 2 and 2 * sizes[0] < sizes[1]:
            return True
    return False


def _tables(facts: Facts, lines: list[EpochLine]) -> str:
    if not lines:
        return "<p>None yet.</p>"
    head = ["kind", "epoch", "starts", "state", "records", "freeze to publish"]
    head += ["build", "retries", "largest bucket"]
    return _table(head, [_row(facts.config, line) for line in lines])


def _row(config: Config, line: EpochLine) -> list[str]:
    return [
        line.kind.name,
        str(line.epoch),
        _moment(window(config, line.kind, line.epoch + 1)[0]),
        line.state,
        _number(line.records),
        _seconds(line.freeze_to_publish),
        _seconds(line.build),
        _number(line.retries),
        _number(line.largest_bucket),
    ]


def _sections(metrics: Metrics) -> list[str]:
    sections = []
    for title, rows in (
        ("Registrations", _counts(metrics, "registrations", ("kind", "answer"))),
        ("Tokens", _counts(metrics, "tokens", ("role", "outcome"))),
        ("Private queries", _pir(metrics)),
        ("Failures", _failures(metrics)),
        ("Answers by status", _counts(metrics, "http_answers", ("status",))),
    ):
        if rows:
            sections += [f"<h2>{title}</h2>", _table(["what", "number"], rows)]
    return sections


def _counts(metrics: Metrics, name: str, labels: tuple[str, ...]) -> list[list[str]]:
    wanted = f"presence_{name}_total"
    return [
        [", ".join(sample.labels[label] for label in labels), _number(sample.value)]
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == wanted
    ]


def _pir(metrics: Metrics) -> list[list[str]]:
    queries = metrics.value("presence_pir_queries_total")
    if not queries:
        return []
    busy = metrics.value("presence_pir_busy_seconds_total")
    batches = metrics.value("presence_pir_batch_size_count")
    waits = metrics.value("presence_pir_queue_wait_seconds_count")
    waited = metrics.value("presence_pir_queue_wait_seconds_sum")
    scanned = metrics.value("presence_pir_scanned_bytes_total")
    return [
        ["answered", _number(queries)],
        ["queries in a batch, mean", f"{queries / max(batches, 1):.1f}"],
        ["effective GB/s while computing", f"{scanned / max(busy, 1e-9) / 1e9:.2f}"],
        ["waiting for a batch, mean", _seconds(waited / max(waits, 1))],
    ]


def _failures(metrics: Metrics) -> list[list[str]]:
    closed = metrics.value("presence_closed_connections_total")
    return [
        *_counts(metrics, "failures", ("where",)),
        *[
            [f"lookup server {name}", number]
            for name, number in _counts(metrics, "peer_failures", ("server",))
        ],
        *([["connections closed by a limit", _number(closed)]] if closed else []),
    ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(word)}</th>" for word in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def _moment(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when))


def _span(seconds: float) -> str:
    for unit, size in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
