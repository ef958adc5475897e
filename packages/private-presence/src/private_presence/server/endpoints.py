"""What servers answer: every path, who may ask it, and the size of both bodies.

Bodies are binary and their sizes follow from public facts alone, so that a length says
nothing about friends, exclusions or results, and an oversize body is refused from its
announced length.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from private_presence.primitives.blinding import SIGNATURE_SIZE
from private_presence.primitives.curve import G1_SIZE
from private_presence.primitives.tokens import TOKEN_SIZE
from private_presence.protocol.config import Config
from private_presence.protocol.deployment import MAX_DEPLOYMENT_SIZE
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import MAX_MANIFEST_SIZE, MAX_SIGNED_SIZE
from private_presence.protocol.messages import body_size, value_size
from private_presence.protocol.quota import quota
from private_presence.protocol.receipt import RECEIPT_SIZE

__all__ = ["ENDPOINTS", "Body", "Caller", "Endpoint", "Facts", "Match", "match"]

HASH_SIZE = 32
ACCOUNT_SIZE = 32  # a credential that enrolment gave; random, checked in constant time
DAY_SIZE = 4
MAX_NUMBER = (1 << 32) - 1
MAX_PATH = 64  # longer than any path of the table


class Caller(Enum):
    """Who may ask, and on which listener.

    Examples
    --------
    >>> [each.path for each in ENDPOINTS if each.caller is Caller.ACCOUNT]
    ['/v1/tokens/{number}']
    """

    CLIENT = "client"  # TLS 1.3, no client certificate
    ACCOUNT = "account"  # a client that names its account; never beside CLIENT requests
    PEER = "peer"  # the deployment's other servers, by mutual TLS


@dataclass(frozen=True)
class Facts:
    """The public facts that sizes follow from.

    Parameters
    ----------
    config : Config
    kind : Kind
    number : int
        The path's last number: an epoch, or a token role.
    records : int
        In the table asked about.
    query, answer : int
        Bytes of the longest query body and of an answer of the deployment's PIR mode,
        for the table asked about (`PirBackend.sizes`).

    Examples
    --------
    A raw file of a thousand short-term records, of 16 + 128 bytes each:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> raw = match("GET", "/v1/raw/st/7").endpoint.reply
    >>> raw.size(Facts(config, Kind.ST, records=1000))
    144000
    """

    config: Config
    kind: Kind = Kind.LT
    number: int = 0
    records: int = 0
    query: int = 0
    answer: int = 0


class Body(NamedTuple):
    """One direction of an exchange.

    Parameters
    ----------
    layout : str
        Fields in their order, for people.
    size : callable
        Bytes, from the facts; an upper limit unless `exact`.
    exact : bool

    Examples
    --------
    A receipt is as long for either kind, a registration is not:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> register = match("POST", "/v1/register/st/7").endpoint
    >>> [register.request.size(Facts(config, kind)) for kind in (Kind.LT, Kind.ST)]
    [693, 245]
    >>> [register.reply.size(Facts(config, kind)) for kind in (Kind.LT, Kind.ST)]
    [103, 103]
    """

    layout: str
    size: Callable[[Facts], int]
    exact: bool = True


@dataclass(frozen=True)
class Endpoint:
    """One line of the table.

    Parameters
    ----------
    method : str
    path : str
        With ``{kind}`` (lt or st) and ``{number}`` (decimal, no leading zero).
    server : str
        "registrar", "pir" or "both".
    caller : Caller
    request, reply : Body

    Examples
    --------
    >>> newest = match("GET", "/v1/peer/newest/lt").endpoint
    >>> newest.server, newest.caller.name, newest.request.layout
    ('pir', 'PEER', '')
    """

    method: str
    path: str
    server: str
    caller: Caller
    request: Body
    reply: Body


class Match(NamedTuple):
    """An endpoint with what its path said.

    Examples
    --------
    >>> found = match("GET", "/v1/manifest/lt/100")
    >>> found.kind.name, found.number, found.endpoint.server
    ('LT', 100, 'both')
    >>> match("GET", "/v1/config")[1:]
    (None, None)
    """

    endpoint: Endpoint
    kind: Kind | None
    number: int | None


def _fixed(layout: str, size: int, *, exact: bool = True) -> Body:
    return Body(layout, lambda facts: size, exact)


def _raw(facts: Facts) -> int:
    return facts.records * (16 + value_size(facts.config, facts.kind))


def _batch(facts: Facts) -> int:
    return G1_SIZE * quota(facts.config, facts.number)


EMPTY = _fixed("", 0)
RAW = Body("(tag 16, value) of every record, by tag", _raw)
SIGNED = _fixed("signed manifest", MAX_SIGNED_SIZE, exact=False)
MANIFEST = "/v1/manifest/{kind}/{number}"

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/config",
        "both",
        Caller.CLIENT,
        EMPTY,
        _fixed("deployment file", MAX_DEPLOYMENT_SIZE, exact=False),
    ),
    Endpoint("GET", MANIFEST, "both", Caller.CLIENT, EMPTY, SIGNED),
    Endpoint(
        "POST",
        "/v1/register/{kind}/{number}",
        "registrar",
        Caller.CLIENT,
        Body(
            "registration or withdrawal, token 80",
            lambda f: body_size(f.config, f.kind) + TOKEN_SIZE,
        ),
        _fixed("receipt", RECEIPT_SIZE),
    ),
    Endpoint(
        "POST",
        "/v1/tokens/{number}",
        "registrar",
        Caller.ACCOUNT,
        Body(
            "account 32, day 4, a blinded point 48 for each token of the quota",
            lambda f: ACCOUNT_SIZE + DAY_SIZE + _batch(f),
        ),
        Body("a signed point 48 for each token of the quota", _batch),
    ),
    Endpoint(
        "POST",
        "/v1/pir/{kind}/{number}",
        "pir",
        Caller.CLIENT,
        Body(
            "token 80, day 4, manifest hash 32, query",
            lambda f: TOKEN_SIZE + DAY_SIZE + HASH_SIZE + f.query,
            exact=False,
        ),
        Body(
            "manifest hash 32, request hash 32, answer, signature 64",
            lambda f: 2 * HASH_SIZE + f.answer + SIGNATURE_SIZE,
        ),
    ),
    Endpoint("GET", "/v1/raw/{kind}/{number}", "pir", Caller.CLIENT, EMPTY, RAW),
    Endpoint(
        "GET",
        "/v1/peer/commitment/{kind}/{number}",
        "pir",
        Caller.PEER,
        EMPTY,
        _fixed("SHA-256 of the salt part 32, signature 64", HASH_SIZE + SIGNATURE_SIZE),
    ),
    Endpoint(
        "POST",
        "/v1/peer/raw/{kind}/{number}",
        "pir",
        Caller.PEER,
        Body("R's signature 64, then the raw file", lambda f: SIGNATURE_SIZE + _raw(f)),
        EMPTY,
    ),
    Endpoint(
        "POST",
        "/v1/peer/opening/{kind}/{number}",
        "pir",
        Caller.PEER,
        _fixed("raw hash 32", HASH_SIZE),
        _fixed("salt part 32, raw hash 32, signature 64", 64 + SIGNATURE_SIZE),
    ),
    Endpoint(
        "POST",
        "/v1/peer/countersign/{kind}/{number}",
        "pir",
        Caller.PEER,
        _fixed(
            "R's signature 64, then the manifest",
            SIGNATURE_SIZE + MAX_MANIFEST_SIZE,
            exact=False,
        ),
        _fixed("signature 64", SIGNATURE_SIZE),
    ),
    Endpoint(
        "GET",
        "/v1/peer/manifest-hash/{kind}/{number}",
        "pir",
        Caller.PEER,
        EMPTY,
        _fixed("manifest hash 32", HASH_SIZE),
    ),
    Endpoint(
        "GET",
        "/v1/peer/newest/{kind}",
        "pir",
        Caller.PEER,
        EMPTY,
        _fixed(
            "epoch 4, signed manifest; or nothing",
            4 + MAX_SIGNED_SIZE,
            exact=False,
        ),
    ),
    Endpoint(
        "POST",
        "/v1/peer/publish/{kind}/{number}",
        "pir",
        Caller.PEER,
        SIGNED,
        EMPTY,
    ),
)


def match(method: str, path: str) -> Match | None:
    """Find the endpoint that a request line names, in its one spelling.

    Parameters
    ----------
    method, path : str
        As they came: nothing is decoded, collapsed or folded, so that no second
        spelling of a path exists.

    Returns
    -------
    Match or None
        None for everything that is not in the table.

    Examples
    --------
    >>> found = match("POST", "/v1/register/st/7")
    >>> found.kind.name, found.number, found.endpoint.caller.value
    ('ST', 7, 'client')
    >>> match("POST", "/v1/register/st/07") is None
    True
    """
    if len(path) > MAX_PATH:
        return None
    words = path.split("/")
    for endpoint in ENDPOINTS:
        if endpoint.method == method and (found := _fit(endpoint, words)):
            return found
    return None


def _fit(endpoint: Endpoint, words: list[str]) -> Match | None:
    names = endpoint.path.split("/")
    if len(names) != len(words):
        return None
    kind, number = None, None
    for name, word in zip(names, words, strict=True):
        if name == "{kind}":
            kind = {"lt": Kind.LT, "st": Kind.ST}.get(word)
            fits = kind is not None
        elif name == "{number}":
            number = _number(word)
            fits = number is not None
        else:
            fits = name == word
        if not fits:
            return None
    return Match(endpoint, kind, number)


def _number(word: str) -> int | None:
    if not (word.isascii() and word.isdigit() and len(word) <= len(str(MAX_NUMBER))):
        return None
    number = int(word)
    return number if str(number) == word and number <= MAX_NUMBER else None
