"""The constants of a deployment, and their hash, which is its name."""

from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256

from private_presence.errors import ConfigError, EncodingError
from private_presence.primitives import cbor
from private_presence.primitives.blinding import (
    KEY_SIZE,
    SIGNATURE_SIZE,
    SigningKey,
    sign,
)
from private_presence.primitives.kdf import label_bytes
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_version
from private_presence.protocol.signed import open_signed

__all__ = [
    "MAX_CONFIG_SIZE",
    "MODES",
    "Config",
    "decode_config",
    "decode_signed_config",
    "encode_config",
    "sign_config",
]

VERSION = 2  # 1 counted whole seconds
MAX_CONFIG_SIZE = 4096
MODES = ("xor", "shamir", "download", "dpf")
LIMIT = (1 << 32) - 1  # no constant is larger, the milliseconds of an epoch included


@dataclass(frozen=True)
class Config:
    """What everybody in a deployment agrees on (4.1, F10, F17, F31).

    Parameters
    ----------
    registrar : bytes, 32
        Ed25519 key of R, which signs manifests and receipts.
    servers : tuple of bytes
        Ed25519 keys of the k lookup servers, in their order.
    issuer : bytes, 32
        Ed25519 key that vouches for the daily token keys.
    privacy : int
        t: that many servers together learn nothing of a query.
    mode : str
        One of `MODES`; never chosen by a client, which would be a downgrade (F13).
    max_friends, buckets : int
        F, and the buckets of the layout: B >= F + 1, the client's own tag included.
    slots : int, 1 to 8
        rho: exclusions per LT record.
    circles : int
        C: every client registers that many, for ever (F17).
    lt_ms, st_ms : int
        Epoch lengths in milliseconds; the short one divides the long one.
    lt_close_ms, st_close_ms : int
        A window closes that many milliseconds before its epoch starts.
    retain : int
        LT tables kept for those who come back.
    skew_ms : int
        Milliseconds by which a client's clock may differ from the servers' median.
    download_below : int
        In mode "download" only: tables of more records are not served (F31).

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> config.lt_size, config.st_size, config.lt_value_size, config.st_value_size
    (613, 165, 576, 128)
    >>> len(config.dep_id)
    16
    """

    registrar: bytes
    servers: tuple[bytes, ...]
    issuer: bytes
    privacy: int = 1
    mode: str = "xor"
    max_friends: int = 100
    buckets: int = 150
    slots: int = 2
    circles: int = 1
    lt_ms: int = 86_400_000
    st_ms: int = 300_000
    lt_close_ms: int = 900_000
    st_close_ms: int = 30_000
    retain: int = 30
    skew_ms: int = 5_000
    download_below: int = 0

    def __post_init__(self) -> None:
        wrong = next((text for ok, text in _conditions(self) if not ok), None)
        if wrong:
            raise ConfigError(f"{wrong}: correct the deployment's constants")

    @cached_property
    def dep_id(self) -> bytes:
        """Name of the deployment: 16 bytes of the hash of its constants (F10)."""
        return sha256(encode_config(self)).digest()[:16]

    @property
    def st_per_lt(self) -> int:
        """ST epochs in an LT epoch."""
        return self.lt_ms // self.st_ms

    @property
    def header_size(self) -> int:
        """Bytes of an LT record's broadcast header."""
        return 144 + 128 * self.slots

    @property
    def lt_value_size(self) -> int:
        """Bytes of an LT value: header, inner box, signature."""
        return self.header_size + 112 + SIGNATURE_SIZE

    @property
    def st_value_size(self) -> int:
        """Bytes of an ST value."""
        return 64 + SIGNATURE_SIZE

    @property
    def lt_size(self) -> int:
        """Bytes of an LT registration, without its token."""
        return 37 + self.lt_value_size

    @property
    def st_size(self) -> int:
        """Bytes of an ST registration, without its token."""
        return 37 + self.st_value_size


def _conditions(c: Config) -> list[tuple[bool, str]]:
    """Every condition with the sentence for its failure."""
    k = len(c.servers)
    keys = [c.registrar, c.issuer, *c.servers]
    numbers = [getattr(c, f.name) for f in fields(c) if f.type in (int, "int")]
    return [
        (all(len(key) == KEY_SIZE for key in keys), "keys have 32 bytes"),
        (all(0 <= n <= LIMIT for n in numbers), f"numbers are from 0 to {LIMIT}"),
        (c.mode in MODES, f"mode is one of {', '.join(MODES)}; got {c.mode!r}"),
        (1 <= k <= 16, f"1 to 16 lookup servers expected; got {k}"),
        (
            c.mode == "download" or 1 <= c.privacy < k,
            f"t is from 1 to k - 1; got t = {c.privacy}, k = {k}",
        ),
        (
            c.mode != "shamir" or (3 <= k <= 7 and c.privacy <= k - 2),
            f"mode shamir has 3 to 7 servers and t at most k - 2; got t = {c.privacy}, "
            f"k = {k}",
        ),
        (c.mode != "dpf" or k == 2, f"mode dpf has two servers; got {k}"),
        (c.max_friends >= 1, f"at least one friend expected; got {c.max_friends}"),
        (
            c.buckets >= c.max_friends + c.circles,
            f"a bucket for each friend and circle expected; got {c.buckets}",
        ),
        (1 <= c.slots <= 8, f"1 to 8 slots expected; got {c.slots}"),
        (1 <= c.circles <= 4, f"1 to 4 circles expected; got {c.circles}"),
        (c.st_ms >= 1, f"an epoch of a millisecond at least; got {c.st_ms}"),
        (
            c.st_ms >= 1 and c.lt_ms % c.st_ms == 0 < c.lt_ms,
            "the short epoch divides the long one",
        ),
        (
            c.lt_close_ms < c.lt_ms and c.st_close_ms < c.st_ms,
            "a window closes after it opened",
        ),
        (c.retain >= 1, f"one retained table at least; got {c.retain}"),
    ]


def encode_config(config: Config) -> bytes:
    """Write the constants in their one spelling.

    Parameters
    ----------
    config : Config

    Returns
    -------
    bytes
        Deterministic CBOR, a map from field number to value.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> sha256(encode_config(config)).digest()[:16] == config.dep_id
    True
    """
    values = [getattr(config, f.name) for f in fields(config)]
    listed = [list(v) if isinstance(v, tuple) else v for v in values]
    return cbor.encode({0: VERSION, **dict(enumerate(listed, start=1))})


def decode_config(data: bytes) -> Config:
    """Read the constants of a deployment.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Config

    Raises
    ------
    EncodingError
        If a field is missing, unknown or of another type.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> decode_config(encode_config(config)) == config
    True
    >>> decode_config(cbor.encode({0: VERSION}))
    Traceback (most recent call last):
    private_presence.errors.EncodingError: a configuration has other fields than ...
    """
    raw = cbor.decode(data, MAX_CONFIG_SIZE)
    names = fields(Config)
    if not isinstance(raw, dict) or list(raw) != list(range(len(names) + 1)):
        raise EncodingError("a configuration has other fields than version 2 says")
    version, *values = raw.values()
    if not isinstance(version, int):
        raise EncodingError("the version of a configuration is a number")
    check_version(version, VERSION, "a configuration")
    pairs = zip(names, values, strict=True)
    return _built({f.name: _typed(f.name, f.type, value) for f, value in pairs})


def _typed(name: str, kind: object, value: cbor.Value) -> object:
    if name == "servers" and isinstance(value, list):
        if all(isinstance(item, bytes) for item in value):
            return tuple(value)
    elif isinstance(value, {"int": int, "str": str}.get(_name(kind), bytes)):
        return value
    raise EncodingError(f"field {name} of a configuration has another type")


def _name(kind: object) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", "")


def _built(values: dict) -> Config:
    try:
        return Config(**values)
    except ConfigError as error:
        raise EncodingError(f"a configuration contradicts itself: {error}") from None


def sign_config(config: Config, key: SigningKey, rng: Randomness) -> bytes:
    """Sign a configuration, as R or as one of the lookup servers.

    Parameters
    ----------
    config : Config
    key : SigningKey
    rng : Randomness

    Returns
    -------
    bytes
        64.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> len(sign_config(config, key, SystemRandomness()))
    64
    """
    return sign(key, label_bytes("config") + encode_config(config), rng)


def decode_signed_config(data: bytes) -> Config:
    """Read a pinned configuration, signed by R and by every server it names.

    Without the servers' signatures R could give one client its own list (F10).

    Parameters
    ----------
    data : bytes
        From `encode_signed`, of `encode_config` and `sign_config`.

    Returns
    -------
    Config
        Compare its `dep_id` with the one that invitations name.

    Raises
    ------
    EncodingError
        If the file is not canonical.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.signed import encode_signed
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> all_three = [sign_config(config, key, SystemRandomness())] * 3
    >>> decode_signed_config(encode_signed(encode_config(config), all_three)) == config
    True
    """
    raw = cbor.decode(data, 2 * MAX_CONFIG_SIZE)
    if not (isinstance(raw, list) and raw and isinstance(raw[0], bytes)):
        raise EncodingError("a signed configuration starts with its bytes")
    config = decode_config(raw[0])
    keys = [config.registrar, *config.servers]
    open_signed(data, "config", keys, 2 * MAX_CONFIG_SIZE)
    return config
