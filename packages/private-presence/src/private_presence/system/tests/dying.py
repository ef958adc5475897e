"""``python -m ... registrar --settings F``: a server that kills itself at a named point.

The point, and for the how many-th time, are in ``DIES_AT`` and ``DIES_ON``.
"""

import os
import signal
import sys

from private_presence import cli
from private_presence.server import storage

PROGRAM = ("-m", "private_presence.system.tests.dying")


def main():
    point, left = os.environ["DIES_AT"], int(os.environ.get("DIES_ON", "1"))
    open_storage = storage.open_storage

    def at(name):
        nonlocal left
        left -= name == point
        if name == point and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def opened(*args, **options):
        found = open_storage(*args, **options)
        found.at = at
        return found

    storage.open_storage = opened
    return cli.main(["serve", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
