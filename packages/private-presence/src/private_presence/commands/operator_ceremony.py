"""How operators who do not trust each other found a deployment.

Each makes keys and sends an introduction to all; anyone writes the proposal; each
compares its name with the others by voice, checks its own entry and signs; anyone joins
the signatures.  No step needs a secret of another operator, and none can be skipped:
the deployment file verifies only with everybody's signature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from private_presence.commands.operator_files import (
    Endorsement,
    Introduction,
    Proposal,
)
from private_presence.commands.operator_folder import OperatorFolder, digest_of
from private_presence.commands.operator_keys import make_operator
from private_presence.errors import (
    ConflictError,
    InputError,
    VerificationError,
)
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import equal
from private_presence.protocol.config import Config, encode_config, sign_config
from private_presence.protocol.deployment import (
    Deployment,
    decode_deployment,
    encode_deployment,
)
from private_presence.protocol.directory import (
    Directory,
    Party,
    encode_directory,
    sign_directory,
)
from private_presence.protocol.signed import encode_signed

__all__ = [
    "combine",
    "endorse",
    "make_operator",
    "propose",
    "renew",
]

KEY_FIELDS = ("registrar", "servers", "issuer")


def propose(
    introductions: Sequence[Introduction], constants: Mapping[str, Any]
) -> Proposal:
    """Write what all are to sign.

    Parameters
    ----------
    introductions : sequence of Introduction
        One registrar, one or more lookup servers in the order they will have, at most
        one relay.
    constants : mapping
        Fields of `Config` other than keys; the others keep their defaults, except that
        `privacy` is one less than the number of servers.

    Returns
    -------
    Proposal

    Raises
    ------
    InputError
        If the roles do not fit, or a constant is unknown.

    Raises `ConfigError` too, if the constants do not fit each other.

    Examples
    --------
    >>> party = Party("a.example:443", "a.example:444", b"certificate")
    >>> server = Introduction("pir", bytes(32), b"", party)
    >>> registrar = Introduction("registrar", bytes(32), bytes(32), party)
    >>> proposal = propose([registrar, server, server, server], {"retain": 9})
    >>> proposal.config.retain, proposal.config.privacy, proposal.directory.serial
    (9, 2, 1)
    >>> propose([registrar], {})
    Traceback (most recent call last):
    private_presence.errors.InputError: expected introductions of one registrar, ...
    """
    registrar, servers, relay = _by_role(introductions)
    allowed = {f.name for f in fields(Config)} - set(KEY_FIELDS)
    if unknown := sorted(constants.keys() - allowed):
        raise InputError(
            f"expected names of constants; got {', '.join(unknown)}: they are "
            f"{', '.join(sorted(allowed))}"
        )
    keys = tuple(server.key for server in servers)
    privacy = {"privacy": max(1, len(servers) - 1)}
    config = Config(registrar.key, keys, registrar.issuer, **{**privacy, **constants})
    parties = (registrar.party, *(server.party for server in servers))
    return Proposal(config, Directory(config.dep_id, 1, parties, relay))


def _by_role(
    introductions: Sequence[Introduction],
) -> tuple[Introduction, list[Introduction], Party | None]:
    of = {
        role: [each for each in introductions if each.role == role]
        for role in ("registrar", "pir", "relay")
    }
    counts = len(of["registrar"]), len(of["pir"]), len(of["relay"])
    if counts[0] != 1 or counts[1] < 1 or counts[2] > 1:
        raise InputError(
            "expected introductions of one registrar, at least one lookup server and "
            f"at most one relay; got {counts[0]}, {counts[1]} and {counts[2]}"
        )
    relay = of["relay"][0].party if of["relay"] else None
    return of["registrar"][0], of["pir"], relay


def renew(deployment: Deployment, introductions: Sequence[Introduction]) -> Proposal:
    """Propose new addresses or authorities for parties that keep their keys.

    Parameters
    ----------
    deployment : Deployment
    introductions : sequence of Introduction
        Of those who changed; a relay's replaces the relay.

    Returns
    -------
    Proposal
        The same constants, hence the same name, and the next serial.

    Raises
    ------
    InputError
        If an introduction's key is not of this deployment: that is a new deployment.

    Examples
    --------
    A relay joins:

    >>> party = Party("a.example:443", "a.example:444", b"certificate")
    >>> server = Introduction("pir", bytes(32), b"", party)
    >>> registrar = Introduction("registrar", bytes(32), bytes(32), party)
    >>> proposal = propose([registrar, server, server], {})
    >>> deployment = Deployment(proposal.config, proposal.directory)
    >>> relay = Introduction("relay", b"", b"", Party("b.example:443", "", b"c"))
    >>> changed = renew(deployment, [relay])
    >>> changed.config == proposal.config, changed.directory.serial
    (True, 2)
    >>> changed.directory.relay.address
    'b.example:443'
    """
    config, directory = deployment.config, deployment.directory
    keys = [config.registrar, *config.servers]
    parties, relay = list(directory.parties), directory.relay
    for each in introductions:
        if each.role == "relay":
            relay = each.party
        elif each.key in keys:
            parties[keys.index(each.key)] = each.party
        else:
            raise InputError(
                "an introduction has a key that this deployment does not have: changed "
                "keys make a new deployment"
            )
    serial = directory.serial + 1
    changed = replace(directory, serial=serial, parties=tuple(parties), relay=relay)
    return Proposal(config, changed)


def endorse(folder: Path, proposal: Proposal, rng: Randomness) -> Endorsement:
    """Sign a proposal, if it says the truth about oneself.

    Parameters
    ----------
    folder : Path
        Of the operator.
    proposal : Proposal
    rng : Randomness

    Returns
    -------
    Endorsement

    Raises
    ------
    VerificationError
        If one's own key or entry is wrong, or two parties share an authority: they
        would not be independent.

    Raises `ConflictError` too, if another directory with this serial or a later one was
    signed before.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng, constants = SystemRandomness(), {"mode": "download"}
    >>> party = Party("a.example:443", "a.example:444", b"certificate")
    >>> server = Introduction("pir", bytes(32), b"", party)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = make_operator(
    ...         Path(folder), "registrar", "r.example:443", "", 1.8e9, rng
    ...     )
    ...     signed = endorse(Path(folder), propose([own, server], constants), rng)
    ...     moved = replace(own, party=replace(own.party, address="evil.example:443"))
    ...     endorse(Path(folder), propose([moved, server], constants), rng)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: the proposal has another address ...
    >>> signed.key == own.key, len(signed.config), len(signed.directory)
    (True, 64, 64)
    """
    files = OperatorFolder(folder)
    own, keys = files.introduction(), files.keys()
    if not equal(proposal.directory.dep_id, proposal.config.dep_id):
        raise VerificationError("a proposal's directory names another configuration")
    if own.party != _entry(own, proposal):
        raise VerificationError(
            "the proposal has another address or authority for this operator than its "
            "introduction: send the introduction again"
        )
    _check_independent(proposal.directory)
    _check_history(files, proposal.directory)
    files.note_signed(proposal.directory)
    config = sign_config(proposal.config, keys.key, rng)
    data = encode_directory(proposal.directory)
    return Endorsement(own.key, config, sign_directory(data, keys.key, rng))


def _check_independent(directory: Directory) -> None:
    # The relay too: who runs it and a server knows who asked what (F11).
    named = [*directory.parties, *([directory.relay] if directory.relay else [])]
    if len({party.anchor for party in named}) < len(named):
        raise VerificationError(
            "two parties of the proposal have one authority, so they are one operator: "
            "refuse it"
        )


def _entry(own: Introduction, proposal: Proposal) -> Party:
    config, parties = proposal.config, proposal.directory.parties
    keys = [config.registrar, *config.servers]
    place = keys.index(own.key) if own.key in keys else -1
    named = own.role == ("registrar" if place == 0 else "pir")
    if place < 0 or not named or len(parties) != len(keys):
        raise VerificationError(
            "the proposal does not have this operator's key in its role: refuse it"
        )
    if place == 0 and not equal(own.issuer, config.issuer):
        raise VerificationError("the proposal has another issuer key: refuse it")
    return parties[place]


def _check_history(files: OperatorFolder, directory: Directory) -> None:
    last = files.signed().get(directory.dep_id)
    if last is None or directory.serial > last[0]:
        return
    if directory.serial < last[0] or not equal(digest_of(directory), last[1]):
        raise ConflictError(
            f"directory {last[0]} of this deployment is signed already and another "
            f"one with serial {directory.serial} is not: propose the next serial"
        )


def combine(proposal: Proposal, endorsements: Sequence[Endorsement]) -> bytes:
    """Join everybody's signatures to the deployment file.

    Parameters
    ----------
    proposal : Proposal
    endorsements : sequence of Endorsement
        In any order.

    Returns
    -------
    bytes
        Already verified.

    Raises
    ------
    InputError
        If somebody has not signed.

    Raises `VerificationError` too, if somebody has signed something else.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng, peer = SystemRandomness(), "a.example:444"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     r, a = Path(folder, "r"), Path(folder, "a")
    ...     registrar = make_operator(r, "registrar", "r.example:443", "", 1.8e9, rng)
    ...     server = make_operator(a, "pir", "a.example:443", peer, 1.8e9, rng)
    ...     proposal = propose([registrar, server], {"mode": "download"})
    ...     signed = [endorse(operator, proposal, rng) for operator in (a, r)]
    >>> decode_deployment(combine(proposal, signed)).config == proposal.config
    True
    >>> combine(proposal, signed[:1])
    Traceback (most recent call last):
    private_presence.errors.InputError: the signatures of the registrar are missing: ...
    """
    config = proposal.config
    keys = [config.registrar, *config.servers]
    by_key = {endorsement.key: endorsement for endorsement in endorsements}
    missing = [i for i, key in enumerate(keys) if key not in by_key]
    if missing:
        who = ", ".join(
            "the registrar" if i == 0 else f"server {i - 1}" for i in missing
        )
        raise InputError(f"the signatures of {who} are missing: ask for them")
    ordered = [by_key[key] for key in keys]
    constants = encode_signed(encode_config(config), [e.config for e in ordered])
    places = encode_directory(proposal.directory)
    directory = encode_signed(places, [e.directory for e in ordered])
    data = encode_deployment(constants, directory)
    decode_deployment(data)
    return data
