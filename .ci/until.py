"""A pytest plugin: start no test after a moment, and name those left out.

``pytest -p until --until SECONDS_SINCE_1970``.  An interruption from outside (the
hard limit of ``.ci/run``) is no failure unless a test had failed before it.
"""

import time

import pytest


def pytest_addoption(parser):
    parser.addoption("--until", type=float, default=float("inf"), help=__doc__)


def pytest_configure(config):
    config.pluginmanager.register(Until(config.getoption("--until")))


class Until:
    """Remembers which collected tests have been finished."""

    def __init__(self, until):
        self.until = until
        self.waiting = []

    def pytest_collection_finish(self, session):
        self.waiting = [item.nodeid for item in session.items]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        if time.time() > self.until:
            pytest.skip("left out: no time")

    def pytest_runtest_logreport(self, report):
        left_out = report.skipped and "left out: no time" in str(report.longrepr)
        if report.when == "teardown" and report.nodeid in self.waiting:
            self.waiting.remove(report.nodeid)
        elif left_out:
            self.waiting.append(report.nodeid)  # teardown removes one of the two

    def pytest_terminal_summary(self, terminalreporter):
        for nodeid in sorted(set(self.waiting)):
            terminalreporter.write_line(f"left out for want of time: {nodeid}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus == pytest.ExitCode.INTERRUPTED and not session.testsfailed:
            session.exitstatus = pytest.ExitCode.OK
