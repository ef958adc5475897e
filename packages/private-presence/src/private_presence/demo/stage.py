"""A deployment on disk, founded as operators would: keys, signatures, settings."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from private_presence.commands.operator_ceremony import (
    combine,
    endorse,
    make_operator,
    propose,
)
from private_presence.demo.profile import check_profile, constants
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.deployment import Deployment, decode_deployment
from private_presence.server.storage import open_storage

__all__ = ["SERVERS", "Server", "Stage", "enrol", "found"]

SERVERS = 2
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """One server process to start.

    Parameters
    ----------
    name : str
        For people.
    role : str
        Of ``presence serve``.
    settings : Path
    port, admin : int
        On which it listens for clients, and tells how it is.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     servers = found(Path(folder), 1.8e9, SystemRandomness()).servers
    >>> [(server.name, server.role) for server in servers]
    [('registrar', 'registrar'), ('pir0', 'pir'), ('pir1', 'pir'), ('relay', 'relay')]
    """

    name: str
    role: str
    settings: Path
    port: int
    admin: int


@dataclass(frozen=True)
class Stage:
    """A founded deployment.

    Parameters
    ----------
    deployment : Deployment
    file : bytes
        Its file.
    servers : tuple of Server
    storage : str
        URL of the registrar's.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stage = found(Path(folder), 1.8e9, SystemRandomness())
    >>> decode_deployment(stage.file) == stage.deployment
    True
    >>> len(stage.deployment.config.servers), len(stage.servers)
    (2, 4)
    """

    deployment: Deployment
    file: bytes
    servers: tuple[Server, ...]
    storage: str


def found(
    folder: Path,
    now: float,
    rng: Randomness,
    profile: Mapping[str, Any] | None = None,
    *,
    servers: int = SERVERS,
    storage: str = "",
) -> Stage:
    """Found a deployment of one registrar, lookup servers and a relay.

    Parameters
    ----------
    folder : Path
        Empty.
    now : float
    rng : Randomness
    profile : mapping, optional
        Fields of `Config` other than keys; those of the demo on a machine at rest if
        not given (`constants`).
    servers : int
        Of lookups.
    storage : str
        URL of the registrar's; SQLite in `folder` if empty.

    Returns
    -------
    Stage

    Raises
    ------
    ConfigError
        If the constants do not fit each other (`check_profile`).

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stage = found(Path(folder), 1.8e9, SystemRandomness(), servers=3)
    ...     names = sorted(path.name for path in Path(folder).glob("*.toml"))
    >>> names
    ['pir0.toml', 'pir1.toml', 'pir2.toml', 'registrar.toml', 'relay.toml']
    """
    names = ["registrar", *(f"pir{i}" for i in range(servers)), "relay"]
    roles = ["registrar", *["pir"] * servers, "relay"]
    ports = iter(free_ports(2 * len(names) + servers))
    storage = storage or f"sqlite:///{folder / 'registrar' / 'storage'}"
    introductions, placed = [], []
    for name, role in zip(names, roles, strict=True):
        port, admin = next(ports), next(ports)
        peer = f"{HOST}:{next(ports)}" if role == "pir" else ""
        about = (role, f"{HOST}:{port}", peer, now, rng)
        introductions.append(make_operator(folder / name, *about))
        server = Server(name, role, folder / f"{name}.toml", port, admin)
        server.settings.write_text(_settings(server, peer, storage), encoding="utf-8")
        placed.append(server)
    proposal = propose(introductions, profile or constants(busy=False))
    check_profile(proposal.config)
    signers = names[: 1 + servers]
    file = combine(proposal, [endorse(folder / n, proposal, rng) for n in signers])
    (folder / "deployment").write_bytes(file)
    return Stage(decode_deployment(file), file, tuple(placed), storage)


def _settings(server: Server, peer: str, storage: str) -> str:
    lines = [
        'deployment = "deployment"',
        f'keys = "{server.name}"',
        f'listen = "{HOST}:{server.port}"',
        f'admin = "{HOST}:{server.admin}"',
        'log_level = "warning"',
    ]
    if server.role == "registrar":
        lines.append(f'storage = "{storage}"')
    if server.role == "pir":
        lines.append(f'peer_listen = "{peer}"')
        lines.append(f'folder = "{server.name}/tables"')
        # Compiled kernels are faster, but the first seconds go into compiling them.
        lines.append('kernel = "numpy"')
    return "\n".join(lines) + "\n"


def free_ports(n: int) -> list[int]:
    """Find ports on loopback that nobody listens on now.

    Parameters
    ----------
    n : int

    Returns
    -------
    list of int
        All different.
    """
    sockets = [socket.socket() for _ in range(n)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def enrol(stage: Stage, credentials: Sequence[bytes]) -> None:
    """Add accounts, as ``presence operator account add`` does.

    Parameters
    ----------
    stage : Stage
        Its registrar is not running yet.
    credentials : sequence of bytes, 32 each

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stage = found(Path(folder), 1.8e9, SystemRandomness())
    ...     enrol(stage, [bytes(32), bytes(range(32)), bytes(32)])
    ...     storage = open_storage(stage.storage)
    ...     print(storage.count_accounts())
    ...     storage.close()
    2
    """
    storage = open_storage(stage.storage)
    try:
        for credential in credentials:
            storage.add_account(sha256(credential).digest())
    finally:
        storage.close()
