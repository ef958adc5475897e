"""From settings to a running server process."""

import asyncio
import importlib.util
import logging
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from private_presence.commands.operator_folder import OperatorFolder
from private_presence.errors import EncodingError, InputError, StateError
from private_presence.pir.kernels import load_kernel
from private_presence.primitives.randomness import SystemRandomness
from private_presence.primitives.secret import equal
from private_presence.protocol.config import Config
from private_presence.protocol.deployment import (
    MAX_DEPLOYMENT_SIZE,
    Deployment,
    decode_deployment,
)
from private_presence.protocol.directory import Party
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import value_size
from private_presence.server.clock import Clock, SystemClock
from private_presence.server.endpoints import Caller
from private_presence.server.lookup.limits import Limits as LookupLimits
from private_presence.server.metrics import Metrics
from private_presence.server.settings import (
    Common,
    PirSettings,
    Place,
    RegistrarSettings,
    RelaySettings,
)
from private_presence.server.web.admin import Operator, admin_app
from private_presence.server.web.app import ServiceApp
from private_presence.server.web.authority import expires
from private_presence.server.web.https_peers import HttpsPeers
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener, start
from private_presence.server.web.run import run_service, stop_on_signals

if TYPE_CHECKING:  # loads a database's library, which a registrar alone needs
    from private_presence.server.storage import Storage

CLIENTS = frozenset({Caller.CLIENT, Caller.ACCOUNT})
PEERS = frozenset({Caller.PEER})
SMALL_BODIES = 16 << 20  # bytes of all that is no raw file: manifests, signatures
TRIAL_SECONDS = 60.0  # for loading the compiled kernel; it takes one, at rest
log = logging.getLogger("private_presence.serve")


@dataclass(frozen=True)
class Ground:
    """What every server process stands on."""

    role: str
    common: Common
    files: OperatorFolder
    deployment: Deployment
    data: bytes
    metrics: Metrics
    clock: Clock
    stop: asyncio.Event


def run(settings: RegistrarSettings | PirSettings | RelaySettings) -> None:
    match settings:
        case RegistrarSettings():
            asyncio.run(_registrar(settings))
        case PirSettings():
            asyncio.run(_pir(settings))
        case RelaySettings():
            asyncio.run(_relay(settings))


async def _registrar(settings: RegistrarSettings) -> None:
    # Server libraries load when a server starts, not when the command line does.
    from private_presence.server.registrar import Registrar, RegistrarKeys
    from private_presence.server.storage import open_storage

    ground = _ground("registrar", settings.common)
    own, keys = ground.deployment.config.registrar, ground.files.keys()
    _check_party(ground, own, ground.deployment.directory.parties[0])
    storage = open_storage(settings.storage)
    try:
        _remember(storage, ground.metrics)
        service = Registrar(
            ground.deployment,
            RegistrarKeys(keys.key, keys.issuer_root),
            storage,
            _peers(ground),
            ground.clock,
            SystemRandomness(),
            ground.metrics,
            file=ground.data,
        )
        clients = ServiceApp(
            service, CLIENTS, ground.clock, ground.metrics, settings.limits
        )
        listeners = [
            _tls(ground, settings.common.listen, clients),
            *_admin(ground, lambda: True),
        ]
        await _serve(ground, service, listeners, settings.limits)
    finally:
        storage.close()


def _remember(storage: "Storage", metrics: Metrics) -> None:
    """Note what was published before this start: silence since then is an alarm too."""
    for kind in Kind:
        for state in storage.states(kind):
            if state.phase == "published":
                metrics.state(kind, state.epoch, "PUBLISHED")


async def _pir(settings: PirSettings) -> None:
    from private_presence.server.lookup.server import LookupServer

    ground = _ground("pir", settings.common)
    key, config = ground.files.keys().key, ground.deployment.config
    if key.public not in config.servers:
        raise InputError("these keys are of no lookup server of this deployment")
    index = config.servers.index(key.public)
    _check_party(ground, key.public, ground.deployment.directory.parties[1 + index])
    service = LookupServer(
        ground.deployment,
        index,
        key,
        settings.folder,
        _peers(ground),
        ground.clock,
        SystemRandomness(),
        ground.metrics,
        settings.workers,
        _kernel(settings.kernel),
        limits=LookupLimits(records=settings.records),
        file=ground.data,
    )
    limits = (settings.limits, _peer_limits(config, settings.records, settings.limits))
    apps = [
        ServiceApp(service, callers, ground.clock, ground.metrics, own)
        for callers, own in zip((CLIENTS, PEERS), limits, strict=True)
    ]
    anchors = tuple(party.anchor for party in ground.deployment.directory.parties)
    listeners = [
        _tls(ground, settings.common.listen, apps[0]),
        _tls(ground, settings.peer_listen, apps[1], anchors),
        *_admin(ground, lambda: service.ready),
    ]
    await _serve(ground, service, listeners, settings.limits)


def _peer_limits(config: Config, records: int, limits: Limits) -> Limits:
    """Leave room for the longest raw file of each kind: they may come at once."""
    rows = sum(16 + value_size(config, kind) for kind in Kind)
    return limits.with_room(records * rows + SMALL_BODIES)


async def _relay(settings: RelaySettings) -> None:
    from private_presence.server.relay.relay import Relay, addresses_of

    ground = _ground("relay", settings.common)
    directory = ground.deployment.directory
    if directory.relay is None:
        raise InputError("the deployment's directory names no relay: propose one")
    _check_party(ground, b"", directory.relay)
    relay = Relay(
        addresses_of(directory), ground.files.leaf, ground.metrics, settings.limits
    )
    place = settings.common.listen
    async with _admin_open(ground):
        log.info("serving")
        await relay.serve(place.host, place.port, ground.stop)
    log.info("ended")


async def _serve(ground: Ground, service, listeners, limits: Limits) -> None:
    opened = asyncio.Event()
    telling = asyncio.create_task(_tell(opened))
    try:
        await run_service(
            service, listeners, ground.stop, ground.metrics, limits, opened
        )
    except BrokenProcessPool:
        raise StateError(
            "expected the worker processes to start; one ended: give the machine more "
            "memory, set fewer `workers`, or choose the kernel 'numpy'"
        ) from None
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    log.info("ended")


async def _tell(opened: asyncio.Event) -> None:
    await opened.wait()
    log.info("serving")


def _ground(role: str, common: Common) -> Ground:
    _allow_many_files()
    with common.deployment.open("rb") as file:
        data = file.read(MAX_DEPLOYMENT_SIZE + 1)
    stop = asyncio.Event()
    stop_on_signals(stop)
    ground = Ground(
        role,
        common,
        OperatorFolder(common.keys),
        _decoded(data),
        data,
        Metrics(),
        SystemClock(),
        stop,
    )
    if expires(ground.files.leaf) < ground.clock.now():
        raise InputError(
            "the TLS certificate has ended: run presence operator rotate-tls"
        )
    return ground


def _decoded(data: bytes) -> Deployment:
    try:
        return decode_deployment(data)
    except EncodingError as error:
        raise InputError(f"the deployment file is not whole ({error})") from None


def _check_party(ground: Ground, key: bytes, party: Party) -> None:
    """The folder of keys belongs to this role and to the directory's entry."""
    own = ground.files.introduction()
    if own.role != ground.role or not equal(own.key, key):
        raise InputError(
            f"expected the keys of this deployment's {ground.role}; got another "
            "operator's: correct `keys` in the settings"
        )
    if own.party.anchor != party.anchor:
        raise InputError(
            "the directory has another authority for this server than its folder of "
            "keys: take the newest deployment file, or propose a new directory"
        )


def _peers(ground: Ground) -> HttpsPeers:
    config = ground.deployment.config
    # A peer that is slow is asked again; longer than this it is not listened to.
    patience = min(60.0, max(2.0, config.st_ms / 1000))
    servers = ground.deployment.directory.parties[1:]
    return HttpsPeers(servers, ground.files.leaf, patience)


def _kernel(name: str) -> str:
    if name == "numpy" or (name == "auto" and not importlib.util.find_spec("numba")):
        return "numpy"
    if _loads_fast():
        return "fast"
    if name == "fast":
        raise InputError(
            "expected numba, for the kernel 'fast'; it is not installed or does not load "
            "(python -c 'import numba' says why): install private-presence[fast] anew or "
            "choose 'numpy'"
        )
    log.warning(
        "numba is installed and does not load (python -c 'import numba' says why): the "
        "kernel 'numpy' is used, which is slower"
    )
    return "numpy"


def _loads_fast() -> bool:
    """Try the compiled kernel in a process that may fail or crash."""
    program = f"from {load_kernel.__module__} import load_kernel; load_kernel('fast')"
    # -P: a file of the folder we stand in is no library.
    words = [sys.executable, "-P", "-c", program]
    try:
        done = subprocess.run(
            words, check=False, capture_output=True, timeout=TRIAL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _tls(
    ground: Ground, place: Place, app: ServiceApp, anchors: tuple[bytes, ...] = ()
) -> Listener:
    return Listener(place.host, place.port, app, ground.files.leaf, anchors)


def _admin(ground: Ground, healthy: Callable[[], bool]) -> list[Listener]:
    place = ground.common.admin
    if not place.port:
        return []
    operator = Operator(
        ground.role,
        ground.deployment.config,
        ground.deployment.directory.serial,
        ground.metrics,
        ground.clock,
        healthy,
        lambda: expires(ground.files.leaf),
    )
    return [Listener(place.host, place.port, admin_app(operator))]


@asynccontextmanager
async def _admin_open(ground: Ground) -> AsyncIterator[None]:
    running = [await start(each, Limits()) for each in _admin(ground, lambda: True)]
    try:
        yield
    finally:
        for each in running:
            await each.stop(lambda: None)


def _allow_many_files() -> None:
    # A descriptor for each connection; systems start a process with a thousand.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1 << 16), most))
