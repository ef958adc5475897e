"""The registrar: takes records, issues tokens, publishes tables with the servers."""

from private_presence.server.registrar.keys import RegistrarKeys
from private_presence.server.registrar.service import Registrar
from private_presence.server.registrar.workers import (
    ProcessWorkers,
    ThreadWorkers,
    Workers,
)

__all__ = ["ProcessWorkers", "Registrar", "RegistrarKeys", "ThreadWorkers", "Workers"]
