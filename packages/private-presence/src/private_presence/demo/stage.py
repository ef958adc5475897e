"""A deployment on disk, founded as operators would: keys, signatures, settings."""

import socket
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

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
    port : int
        On which it listens for clients.

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


def found(folder: Path, now: float, rng: Randomness, *, busy: bool = False) -> Stage:
    """Found a deployment of one registrar, two lookup servers and a relay.

    Parameters
    ----------
    folder : Path
        Empty.
    now : float
    rng : Randomness
    busy : bool
        Whether the machine is: see `constants`.

    Returns
    -------
    Stage

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stage = found(Path(folder), 1.8e9, SystemRandomness(), busy=True)
    ...     names = sorted(path.name for path in Path(folder).glob("*.toml"))
    >>> names
    ['pir0.toml', 'pir1.toml', 'registrar.toml', 'relay.toml']
    >>> stage.deployment.config.lt_ms
    12000
    """
    names = ["registrar", *(f"pir{i}" for i in range(SERVERS)), "relay"]
    roles = ["registrar", *["pir"] * SERVERS, "relay"]
    ports = iter(free_ports(2 * len(names) + SERVERS))
    introductions, places = [], []
    for name, role in zip(names, roles, strict=True):
        port, admin = next(ports), next(ports)
        peer = next(ports) if role == "pir" else 0
        peer_address = f"{HOST}:{peer}" if peer else ""
        made = make_operator(
            folder / name, role, f"{HOST}:{port}", peer_address, now, rng
        )
        introductions.append(made)
        places.append((port, admin, peer))
    proposal = propose(introductions, constants(busy=busy))
    check_profile(proposal.config)
    signers = names[: 1 + SERVERS]
    file = combine(proposal, [endorse(folder / n, proposal, rng) for n in signers])
    (folder / "deployment").write_bytes(file)
    storage = f"sqlite:///{folder / 'registrar' / 'storage'}"
    servers = [
        _server(folder, name, role, place, storage)
        for name, role, place in zip(names, roles, places, strict=True)
    ]
    return Stage(decode_deployment(file), file, tuple(servers), storage)


def _server(
    folder: Path, name: str, role: str, place: tuple[int, int, int], storage: str
) -> Server:
    port, admin, peer = place
    lines = [
        'deployment = "deployment"',
        f'keys = "{name}"',
        f'listen = "{HOST}:{port}"',
        f'admin = "{HOST}:{admin}"',
        'log_level = "warning"',
    ]
    if role == "registrar":
        lines.append(f'storage = "{storage}"')
    if role == "pir":
        lines.append(f'peer_listen = "{HOST}:{peer}"')
        lines.append(f'folder = "{name}/tables"')
        # Compiled kernels are faster, but the first seconds go into compiling them.
        lines.append('kernel = "numpy"')
    settings = folder / f"{name}.toml"
    settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Server(name, role, settings, port)


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


def enrol(stage: Stage, credentials: list[bytes]) -> None:
    """Add accounts, as ``presence operator account add`` does.

    Parameters
    ----------
    stage : Stage
        Its registrar is not running yet.
    credentials : list of bytes, 32 each

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
