"""The operator's port: what it shows, to whom, and in a real browser."""

import asyncio
import shutil
import subprocess

import httpx
import pytest

from private_presence.errors import StateError
from private_presence.protocol.epochs import Kind, epoch_at, epoch_seconds, start_of
from private_presence.protocol.receipt import Answer
from private_presence.protocol.tests.world import deployment
from private_presence.server.clock import ManualClock
from private_presence.server.metrics import Metrics
from private_presence.server.web.admin import Operator, admin_app
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener, start

from .places import free_port

NOW = 1_800_000_000.0
CHROMIUM = shutil.which("chromium")


def operator(metrics=None, healthy=True, leaf_days=20.0):
    return Operator(
        "registrar",
        deployment(),
        3,
        metrics or Metrics(),
        ManualClock(NOW),
        lambda: healthy,
        lambda: NOW + leaf_days * 86_400,
    )


def busy():
    """The numbers of a server at work."""
    metrics, config = Metrics(), deployment()
    st = epoch_at(config, Kind.ST, NOW)
    for age, records in ((0, 1200), (1, 1180)):
        metrics.state(Kind.ST, st - age, "FROZEN")
        metrics.records(Kind.ST, st - age, records)
        metrics.published(Kind.ST, st - age, 1.25, 0.5, 2, 61)
    metrics.state(Kind.ST, st + 1, "OPEN")
    metrics.registration(Kind.ST, Answer.ACCEPTED)
    metrics.pir(64, 64, 0.5, 2_000_000_000)
    metrics.queue_wait(0.02)
    return metrics


def get(path, subject=None, host="127.0.0.1"):
    async def run():
        transport = httpx.ASGITransport(admin_app(subject or operator()))
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://{host}:9443"
        ) as sender:
            return await sender.get(path)

    return asyncio.run(run())


def test_the_page_shows_tables_and_throughput():
    text = get("/", operator(busy())).text
    for words in ("1,200", "PUBLISHED", "OPEN", "1.250 s", "61", "4.00", "None since"):
        assert words in text
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_alarms_are_in_words():
    metrics = busy()
    metrics.mismatch()
    metrics.late(Kind.ST)
    metrics.failure("handle")
    st = epoch_at(deployment(), Kind.ST, NOW)
    metrics.records(Kind.ST, st, 500)
    text = get("/", operator(metrics, leaf_days=2)).text
    for words in ("1 manifests differ", "1 tables were published after", "rotate-tls",
                  "1 unexpected failures", "less than half"):  # fmt: skip
        assert words in text
    assert "None since" not in text


def watched(role, metrics, *moments):
    """The alarms of one server, and whether it is healthy, at each of some times."""

    async def run():
        clock = ManualClock(moments[0])
        about = (role, deployment(), 3, metrics, clock, lambda: True)
        app = admin_app(Operator(*about, lambda: moments[-1] + 20 * 86_400))
        transport, seen = httpx.ASGITransport(app), []
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:9443"
        ) as sender:
            for moment in moments:
                await clock.advance(moment - clock.now())
                text = (await sender.get("/")).text
                status = (await sender.get("/healthz")).status_code
                seen.append((text.count('class="alarm"'), status))
        return seen

    return asyncio.run(run())


def publishing(*kinds):
    metrics = Metrics()
    for kind in kinds:
        epoch = epoch_at(deployment(), kind, NOW)
        metrics.state(kind, epoch, "PUBLISHED")
        metrics.state(kind, epoch + 1, "OPEN")
    return metrics


def test_no_table_for_forty_hours_is_an_alarm_and_a_registrar_is_not_healthy():
    later = NOW + 40 * 3600
    seen = watched("registrar", publishing(*Kind), NOW, later)
    assert seen == [(0, 200), (2, 503)]
    # A lookup server does its own work; the relay has no tables.
    assert watched("pir", publishing(*Kind), NOW, later)[1] == (2, 200)
    assert watched("relay", Metrics(), NOW, later)[1] == (0, 200)
    text = get("/", operator(busy())).text
    assert "No ST table" not in text


@pytest.mark.parametrize("kind", list(Kind))
def test_a_table_is_overdue_after_twice_the_time_it_is_given(kind):
    config = deployment()
    other = Kind.ST if kind is Kind.LT else Kind.LT
    metrics = publishing(kind)
    metrics.state(other, 1 << 31, "PUBLISHED")
    close = (config.lt_close_ms if kind is Kind.LT else config.st_close_ms) / 1000
    due = start_of(config, kind, epoch_at(config, kind, NOW) + 1)
    moments = (NOW, due + 0.9 * close, due + 1.1 * close)
    assert watched("registrar", metrics, *moments) == [(0, 200), (0, 200), (1, 503)]


def test_a_deployment_that_was_just_founded_has_until_its_first_tables_are_due():
    config = deployment()
    due = [
        start_of(config, k, epoch_at(config, k, NOW) + 1) for k in (Kind.ST, Kind.LT)
    ]
    moments = (NOW, due[0], due[0] + epoch_seconds(config, Kind.ST))
    assert watched("registrar", Metrics(), *moments) == [(0, 200), (0, 200), (1, 503)]
    assert watched("registrar", Metrics(), NOW, due[1] + 3600)[1] == (2, 503)


def test_metrics_and_health():
    reply = get("/metrics", operator(busy()))
    assert b'presence_records{kind="st"} 1180.0' in reply.content
    assert get("/healthz").status_code == 200
    assert get("/healthz", operator(healthy=False)).status_code == 503
    assert get("/else").status_code == 404


def test_a_page_of_another_origin_is_not_answered():
    assert get("/", host="evil.example").status_code == 400
    assert get("/", host="[::1]").status_code == 200
    policy = get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")


def test_it_is_not_open_to_other_machines():
    with pytest.raises(StateError, match="without TLS"):
        Listener("0.0.0.0", 1, admin_app(operator()))


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_in_a_browser(tmp_path):
    picture = tmp_path / "page.png"

    async def run():
        listener = Listener("127.0.0.1", free_port(), admin_app(operator(busy())))
        running = await start(listener, Limits())
        words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
                 f"--user-data-dir={tmp_path}", f"--screenshot={picture}",
                 "--window-size=1000,900", "--dump-dom",
                 f"http://127.0.0.1:{listener.port}/"]  # fmt: skip
        try:
            process = await asyncio.create_subprocess_exec(
                *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            shown, _ = await asyncio.wait_for(process.communicate(), 60)
        finally:
            await running.stop(lambda: None)
        return shown.decode()

    shown = asyncio.run(run())
    assert "<h1>presence registrar</h1>" in shown
    assert shown.count("<tr>") > 5
    assert picture.stat().st_size > 10_000 or "PUBLISHED" in shown
