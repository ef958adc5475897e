"""A pytest plugin: begin no test that would not end in time, and name those left out.

``pytest -p until --until SECONDS_SINCE_1970``.  A test says how long it takes by
``@pytest.mark.slow(seconds=300)``; one that does not say is taken to be short.  The
short ones come first, so that as many as possible run.  An interruption from outside
(the hard limit of ``.ci/run``) is no failure unless a test had failed before it.
"""

import time
import warnings

import pytest


def pytest_addoption(parser):
    parser.addoption("--until", type=float, default=float("inf"), help=__doc__)


def pytest_configure(config):
    config.pluginmanager.register(Until(config.getoption("--until")))


def seconds(item):
    mark = item.get_closest_marker("slow")
    return mark.kwargs.get("seconds", 0) if mark else 0


class Until:
    """Remembers which collected tests have been finished."""

    def __init__(self, until):
        self.until = until
        self.waiting = []
        self.interrupted = False

    def pytest_collection_modifyitems(self, items):
        items.sort(key=seconds)  # a stable sort: otherwise in the order of the files

    def pytest_collection_finish(self, session):
        self.waiting = [item.nodeid for item in session.items]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        if time.time() + seconds(item) > self.until:
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
            self.interrupted = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self):
        if self.interrupted:
            # What the test left open then is nobody's mistake; pytest would report it
            # as errors after the exit status is settled.
            warnings.simplefilter("ignore")
