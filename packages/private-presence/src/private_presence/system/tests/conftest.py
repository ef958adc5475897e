"""PostgreSQL for those tests that ask for it."""

import pytest

from private_presence.server.storage.tests.postgres import (
    PostgresServer,
    binaries,
    why_not,
)


@pytest.fixture
def postgres():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    server = PostgresServer(binaries())
    server.start()
    yield server
    server.stop()
    server.remove()
