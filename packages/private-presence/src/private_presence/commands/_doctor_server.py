"""What ``presence doctor --settings`` looks at on a server's own machine."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from private_presence.commands.doctor_checks import LEAF_WARNING_DAYS, Finding
from private_presence.commands.operator_folder import OperatorFolder
from private_presence.errors import PresenceError
from private_presence.protocol.deployment import Deployment
from private_presence.server.settings import (
    PirSettings,
    RegistrarSettings,
    RelaySettings,
)
from private_presence.server.storage import open_storage
from private_presence.server.web.authority import expires, load_authority

LEAST_FREE = 1 << 30  # bytes; an LT table of 1e5 records takes 60 MB, thirty are kept
AUTHORITY_WARNING_DAYS = 90

Settings = RegistrarSettings | PirSettings | RelaySettings


def check_server(
    role: str, settings: Settings, deployment: Deployment, now: float
) -> list[Finding]:
    files = OperatorFolder(settings.common.keys)
    findings = [
        _tried("keys", lambda: _keys(role, files, deployment)),
        _tried("own certificate", lambda: _leaf(files, now)),
        _tried("own authority", lambda: _authority(files, now)),
        _tried("secret files", lambda: _modes(files)),
    ]
    if isinstance(settings, PirSettings):
        findings.append(_space(settings.folder))
    if isinstance(settings, RegistrarSettings):
        findings.append(_tried("storage", lambda: _storage(settings.storage)))
        if settings.storage.startswith("sqlite:///"):
            findings.append(_space(Path(settings.storage.removeprefix("sqlite:///"))))
    return findings


def _tried(what: str, check: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        good, text = check()
    except (PresenceError, OSError) as error:
        return Finding(what, False, str(error))
    return Finding(what, good, text)


def _keys(role: str, files: OperatorFolder, deployment: Deployment) -> tuple[bool, str]:
    own, config = files.introduction(), deployment.config
    keys = [config.registrar, *config.servers]
    if own.role != role:
        return False, f"are a {own.role}'s: correct `keys` in the settings"
    if role == "relay":
        party = deployment.directory.relay
    else:
        known = own.key in keys and files.keys().key.public == own.key
        party = deployment.directory.parties[keys.index(own.key)] if known else None
    if party is None:
        return False, "are of no party of this deployment: correct `keys`"
    if party != own.party:
        return False, "address or authority differ from the directory: propose it anew"
    return True, "fit the deployment"


def _leaf(files: OperatorFolder, now: float) -> tuple[bool, str]:
    days = (expires(files.leaf) - now) / 86_400
    advice = "" if days >= LEAF_WARNING_DAYS else ": run presence operator rotate-tls"
    return not advice, f"ends in {days:.1f} days{advice}"


def _authority(files: OperatorFolder, now: float) -> tuple[bool, str]:
    if not files.authority.exists():
        return True, "is not on this machine, which is best"
    ends = load_authority(files.authority).certificate.not_valid_after_utc.timestamp()
    days = (ends - now) / 86_400
    if days < AUTHORITY_WARNING_DAYS:
        return False, f"ends in {days:.0f} days: make another and propose a directory"
    return True, f"ends in {days:.0f} days"


def _modes(files: OperatorFolder) -> tuple[bool, str]:
    secret = (files.keys_file, files.authority, files.leaf)
    open_ones = [p.name for p in secret if p.exists() and p.stat().st_mode & 0o077]
    if open_ones:
        return False, f"{', '.join(open_ones)} can be read by others: chmod 600"
    return True, "are readable by their owner only"


def _storage(url: str) -> tuple[bool, str]:
    storage = open_storage(url, exclusive=False)
    try:
        return True, f"answers, with {storage.count_accounts()} accounts"
    finally:
        storage.close()


def _space(folder: Path) -> Finding:
    place = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not os.access(place, os.W_OK):
        return Finding("disk", False, "the folder is not writable: correct its owner")
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free"
    if free < LEAST_FREE:
        return Finding("disk", False, f"{text}: make room, or no table is taken")
    return Finding("disk", True, text)
