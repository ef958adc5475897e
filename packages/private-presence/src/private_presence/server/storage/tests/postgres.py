"""A PostgreSQL server of one's own: on loopback, in a temporary folder."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin")
NO_BINARIES = (
    "PostgreSQL's binaries (initdb, pg_ctl) are not installed: the same tests ran on "
    "SQLite only; install Debian's package `postgresql` to run them on both"
)
NO_USER = "PostgreSQL refuses to run as root, and there is no user `postgres` to run it"


def binaries():
    """Return the folder of initdb and pg_ctl, or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [path for place in PLACES for path in Path("/").glob(place[1:])]
    return next(
        (f for f in sorted(folders, reverse=True) if (f / "initdb").exists()), None
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgresServer:
    """Started and stopped at will; nothing outlives `remove`."""

    def __init__(self, folder):
        self.bin, self.port = folder, free_port()
        self.root = Path(tempfile.mkdtemp(prefix="presence-pg-"))
        self.data = self.root / "data"
        if os.geteuid() == 0:
            shutil.chown(self.root, "postgres")
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "presence", "-N")

    @property
    def url(self):
        return f"postgresql://presence@127.0.0.1:{self.port}/postgres"

    def start(self):
        # Without fsync: only the process is killed here, not the machine.
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += f" -k {self.root}"
        log = self.root / "log"
        self._run("pg_ctl", "-D", self.data, "-o", options, "-l", log, "-w", "start")

    def stop(self):
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def _run(self, program, *arguments):
        command = [str(self.bin / program), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(
            command,
            check=True,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )


def why_not():
    """Say why there can be no server here, or None."""
    if binaries() is None:
        return NO_BINARIES
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return NO_USER
    return None
