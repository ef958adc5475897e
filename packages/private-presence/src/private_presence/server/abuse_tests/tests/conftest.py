"""One deployment for all attacks of a run: what one spoils, the next one meets."""

import itertools

import pytest

from private_presence.protocol.receipt import Answer
from private_presence.server.abuse_tests.tests.living import living

FRESH = itertools.count()


@pytest.fixture(scope="session")
def services(tmp_path_factory):
    with living(tmp_path_factory.mktemp("abuse")) as running:
        yield running


@pytest.fixture(autouse=True)
def nobody_else_is_harmed(request):
    """After every attack the same exchanges succeed as before it."""
    yield
    if "services" not in request.fixturenames:
        return
    running = request.getfixturevalue("services")
    assert running.register(f"after {next(FRESH)}") is Answer.ACCEPTED
    assert running.look_up(f"after {next(FRESH)}") > 0
