"""A proposal or a deployment in words, for operators who compare it by voice."""

from dataclasses import fields
from hashlib import sha256

from private_presence.commands.operator_files import Proposal, decode_proposal
from private_presence.errors import PresenceError
from private_presence.protocol.config import Config
from private_presence.protocol.deployment import decode_deployment
from private_presence.protocol.directory import Directory, Party

KEYS = ("registrar", "servers", "issuer")


def describe(data: bytes) -> str:
    try:
        deployment = decode_deployment(data)
    except PresenceError:
        proposal = decode_proposal(data)
        head = f"Proposal {proposal.name.hex()}, signed by nobody yet"
        return "\n".join([head, *_lines(proposal)])
    proposal = Proposal(deployment.config, deployment.directory)
    head = f"Deployment file, signed by all; made from proposal {proposal.name.hex()}"
    return "\n".join([head, *_lines(proposal)])


def _lines(proposal: Proposal) -> list[str]:
    config, directory = proposal.config, proposal.directory
    return [
        f"Deployment {config.dep_id.hex()}, directory {directory.serial}",
        *_constants(config),
        *_parties(config, directory),
    ]


def _constants(config: Config) -> list[str]:
    names = [f.name for f in fields(config) if f.name not in KEYS]
    return [f"  {name} = {getattr(config, name)}" for name in names]


def _parties(config: Config, directory: Directory) -> list[str]:
    keys = [config.registrar, *config.servers]
    names = ["registrar", *(f"server {i}" for i in range(len(config.servers)))]
    rows = zip(names, keys, directory.parties, strict=True)
    lines = [_party(name, key, party) for name, key, party in rows]
    if directory.relay is not None:
        lines.append(_party("relay", b"", directory.relay))
    return lines


def _party(name: str, key: bytes, party: Party) -> str:
    peer = f", for servers {party.peer}" if party.peer else ""
    mark = sha256(key + party.anchor).hexdigest()[:16]
    return f"  {name}: {party.address}{peer}, key and authority {mark}"
