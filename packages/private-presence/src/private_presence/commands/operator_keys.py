"""An operator's own keys, authority and leaf: nobody else is asked."""

from pathlib import Path

from private_presence.commands.operator_files import (
    ROLES,
    Introduction,
    encode_introduction,
)
from private_presence.commands.operator_folder import OperatorFolder, OperatorKeys
from private_presence.errors import InputError, StateError
from private_presence.primitives.blinding import signing_key
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.directory import Party
from private_presence.server.web.authority import (
    issue_leaf,
    load_authority,
    make_authority,
    save_authority,
    save_leaf,
    write_private,
)

__all__ = ["introduce", "make_operator", "rotate_leaf"]


def make_operator(
    folder: Path, role: str, address: str, peer: str, now: float, rng: Randomness
) -> Introduction:
    """Make an operator's keys, authority and first leaf.

    Parameters
    ----------
    folder : Path
        Made, readable by its owner only; must not hold keys already.
    role : str
    address, peer : str
        ``host:port`` for clients and for the other servers; `peer` is for pir only.
    now : float
        Seconds since 1970.
    rng : Randomness

    Returns
    -------
    Introduction
        Saved in the folder too, in the form to be sent to the others.

    Raises
    ------
    StateError
        If there are keys: they are never overwritten.

    Raises `InputError` too, if a lookup server has no peer address, or another role has
    one, and `EncodingError`, if an address has another form.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> about = ("registrar", "r.example:443", "", 1.8e9, SystemRandomness())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     introduction = make_operator(Path(folder), *about)
    ...     make_operator(Path(folder), *about)
    Traceback (most recent call last):
    private_presence.errors.StateError: there are keys in this folder already: ...
    >>> introduction.role, len(introduction.key), len(introduction.issuer)
    ('registrar', 32, 32)
    """
    _check_peer(role, peer)
    files = OperatorFolder(folder)
    if files.keys_file.exists():
        raise StateError("there are keys in this folder already: choose another one")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = _new_keys(role, rng)
    introduction = _settle(files, keys, address, peer, now, rng)
    files.save_keys(keys)
    return introduction


def introduce(
    folder: Path, address: str, peer: str, now: float, rng: Randomness
) -> Introduction:
    """Make a new authority, leaf and introduction for keys that stay.

    Parameters
    ----------
    folder : Path
        A copy of the operator's folder, without its introduction.
    address, peer : str
        As of `make_operator`.
    now : float
        Seconds since 1970.
    rng : Randomness

    Returns
    -------
    Introduction
        For `renew`.

    Raises
    ------
    StateError
        If there is an introduction: the server that uses it would stop working.

    Raises `InputError` and `EncodingError` too, as `make_operator`.

    Examples
    --------
    The server moves, and its key stays:

    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng, peer = SystemRandomness(), "a.example:444"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     old, copy = Path(folder, "old"), Path(folder, "copy")
    ...     first = make_operator(old, "pir", "a.example:443", peer, 1.8e9, rng)
    ...     copy.mkdir()
    ...     OperatorFolder(copy).save_keys(OperatorFolder(old).keys())
    ...     second = introduce(copy, "b.example:443", peer, 1.9e9, rng)
    >>> first.key == second.key, second.party.address
    (True, 'b.example:443')
    >>> first.party.anchor == second.party.anchor
    False
    """
    files = OperatorFolder(folder)
    keys = files.keys()
    _check_peer(keys.role, peer)
    if files.introduction_file.exists() or files.authority.exists():
        raise StateError(
            "there is an introduction or an authority in this folder: work on a copy of "
            "it, without them"
        )
    return _settle(files, keys, address, peer, now, rng)


def _check_peer(role: str, peer: str) -> None:
    if role not in ROLES:
        raise InputError(f"expected a role of {', '.join(ROLES)}; got {role!r}")
    if (role == "pir") != bool(peer):
        raise InputError("a peer address is for a lookup server, which needs one")


def _settle(
    files: OperatorFolder,
    keys: OperatorKeys,
    address: str,
    peer: str,
    now: float,
    rng: Randomness,
) -> Introduction:
    authority = make_authority(f"presence {keys.role}", now, rng)
    introduction = _introduce(keys, Party(address, peer, authority.anchor))
    save_authority(files.authority, authority)
    addresses = [place for place in (address, peer) if place]
    save_leaf(files.leaf, issue_leaf(authority, addresses, now, rng))
    key = keys.key if keys.signing else None
    write_private(files.introduction_file, encode_introduction(introduction, key, rng))
    return introduction


def _new_keys(role: str, rng: Randomness) -> OperatorKeys:
    def draw(size: int, *, wanted: bool) -> Secret:
        return Secret(rng.draw(size) if wanted else b"")

    issues = role == "registrar"
    return OperatorKeys(
        role,
        draw(64, wanted=role != "relay"),
        draw(64, wanted=issues),
        draw(32, wanted=issues),
    )


def _introduce(keys: OperatorKeys, party: Party) -> Introduction:
    key = keys.key.public if keys.signing else b""
    issuer = signing_key(keys.issuer).public if keys.issuer else b""
    return Introduction(keys.role, key, issuer, party)


def rotate_leaf(folder: Path, now: float, rng: Randomness) -> None:
    """Make a new leaf under the operator's authority; nobody else is asked.

    Parameters
    ----------
    folder : Path
    now : float
        Seconds since 1970.
    rng : Randomness

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.web.authority import expires
    >>> rng, place = SystemRandomness(), "a.example:443"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = OperatorFolder(Path(folder))
    ...     _ = make_operator(files.folder, "registrar", place, "", 1.8e9, rng)
    ...     before = expires(files.leaf)
    ...     rotate_leaf(files.folder, 1.8e9 + 86_400, rng)
    ...     after = expires(files.leaf)
    >>> after - before
    86400.0
    """
    files = OperatorFolder(folder)
    party = files.introduction().party
    addresses = [place for place in (party.address, party.peer) if place]
    authority = load_authority(files.authority)
    save_leaf(files.leaf, issue_leaf(authority, addresses, now, rng))
