"""People at a command line, each with a folder; and a deployment's file."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

from private_presence import cli
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.config import encode_config, sign_config
from private_presence.protocol.deployment import encode_deployment
from private_presence.protocol.directory import (
    Directory,
    Party,
    encode_directory,
    sign_directory,
)
from private_presence.protocol.signed import encode_signed
from private_presence.protocol.tests.world import REGISTRAR, SERVERS

SIGNERS = (REGISTRAR, *SERVERS)


def deployment_file(config, serial=1):
    rng = SeededRandomness("deployment file")
    parties = tuple(
        Party(f"127.0.0.1:{9000 + i}", f"127.0.0.1:{9100 + i}" if i else "", b"DER")
        for i in range(len(SIGNERS))
    )
    constants = encode_config(config)
    places = encode_directory(Directory(config.dep_id, serial, parties))
    return encode_deployment(
        encode_signed(constants, [sign_config(config, key, rng) for key in SIGNERS]),
        encode_signed(places, [sign_directory(places, key, rng) for key in SIGNERS]),
    )


class Pipe(io.StringIO):
    """Standard input that is no terminal."""

    def isatty(self):
        return False


@dataclass
class Person:
    """Runs commands in one folder; `said` and `refused` are what came of the last."""

    folder: Path
    monkeypatch: object
    capsys: object
    said: str = ""
    refused: str = ""

    @property
    def home(self):
        return self.folder / "home"

    def __call__(self, *words, typed="", status=0):
        self.monkeypatch.setenv("PRESENCE_HOME", str(self.home))
        self.monkeypatch.setenv("XDG_STATE_HOME", str(self.folder / "states"))
        self.monkeypatch.setattr(sys, "stdin", Pipe(typed))
        self.capsys.readouterr()
        got = cli.main([str(word) for word in words])
        self.said, self.refused = self.capsys.readouterr()
        assert got == status, (words, self.said, self.refused)
        if status == 1:
            assert self.refused.startswith(f"presence {words[0]}: ")
            assert self.refused.count("\n") == 1
        return self.said
