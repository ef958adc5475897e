"""All that one device keeps, as one frozen record that is saved whole."""

from dataclasses import dataclass, field

from private_presence.errors import CorruptStateError, EncodingError, VersionError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_version
from private_presence.primitives.secret import Secret
from private_presence.protocol.client import Client, new_client
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import Config
from private_presence.protocol.receipt import Answer, decode_receipt

__all__ = [
    "MAX_DEVICE_SIZE",
    "Alarm",
    "Device",
    "Evidence",
    "KeySet",
    "Order",
    "Outcome",
    "Parcel",
    "Purse",
    "Seen",
    "Sight",
    "Wallet",
    "Wish",
    "decode_device",
    "encode_device",
    "new_device",
]

VERSION = 1
MAX_DEVICE_SIZE = 16 << 20


@dataclass(frozen=True)
class Wish:
    """What the user wants friends to see.

    Parameters
    ----------
    visible : bool
        Whether short-term records are registered at all.
    status : int, 0 to 255
        The deployment's people agree on meanings; the protocol has none.
    aux : bytes
        As much as an `StPayload` holds.

    Examples
    --------
    A new device shows nobody anything; what is said beside presence is not printed:

    >>> Wish()
    Wish(visible=False, status=0)
    >>> Wish(True, 3, b"at lunch")
    Wish(visible=True, status=3)
    """

    visible: bool = False
    status: int = 0
    aux: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Order:
    """A day's tokens of one role, asked for and not yet delivered.

    Parameters
    ----------
    role, day : int
    seed : Secret, 32
        All blinds come from it, so that a repeated request has the same bytes.

    Examples
    --------
    The seed, from which all blinds follow, is not printed:

    >>> Order(1, 100, Secret(bytes(32)))
    Order(role=1, day=100)
    """

    role: int
    day: int
    seed: Secret = field(repr=False)


@dataclass(frozen=True)
class Purse:
    """Tokens of one role and day that were never sent to anybody.

    Examples
    --------
    Tokens are not printed:

    >>> purse = Purse(1, 100, (Secret(bytes(80)),) * 2)
    >>> purse, len(purse.tokens)
    (Purse(role=1, day=100), 2)
    """

    role: int
    day: int
    tokens: tuple[Secret, ...] = field(repr=False)


@dataclass(frozen=True)
class Wallet:
    """Orders under way, and purses that were delivered.

    Examples
    --------
    >>> from private_presence.client.wallet import tokens_left
    >>> wallet = Wallet(purses=(Purse(1, 100, (Secret(bytes(80)),) * 2),))
    >>> tokens_left(wallet, 1, 100), tokens_left(wallet, 1, 101)
    (2, 0)
    """

    orders: tuple[Order, ...] = ()
    purses: tuple[Purse, ...] = ()


@dataclass(frozen=True)
class Parcel:
    """A body with the token that pays for it: only together, and only these bytes.

    Parameters
    ----------
    kind, epoch, circle : int
    body : bytes
        A registration or a withdrawal.
    token : Secret, 80
    withdraws : bool
    receipt : bytes
        103 as the registrar signed them, or none yet.

    Examples
    --------
    Neither body nor token is printed:

    >>> Parcel(1, 101, 0, b"body", Secret(bytes(80)))
    Parcel(kind=1, epoch=101, circle=0, withdraws=False)
    """

    kind: int
    epoch: int
    circle: int
    body: bytes = field(repr=False)
    token: Secret = field(repr=False)
    withdraws: bool = False
    receipt: bytes = field(default=b"", repr=False)

    @property
    def accepted(self) -> bool:
        """The registrar said that it has the record."""
        if not self.receipt:
            return False
        return decode_receipt(self.receipt).answer is Answer.ACCEPTED


@dataclass(frozen=True)
class Seen:
    """A manifest that was verified: its own hash and that of the one before it.

    Examples
    --------
    Each names the one before it:

    >>> first = Seen(1, 100, b"a" * 32, bytes(32))
    >>> second = Seen(1, 101, b"b" * 32, first.hash)
    >>> [later.previous == first.hash for later in (first, second)]
    [False, True]
    """

    kind: int
    epoch: int
    hash: bytes
    previous: bytes


@dataclass(frozen=True)
class KeySet:
    """The token keys of a day, one for each role in the order of `quota.roles`.

    Examples
    --------
    The key of lookup server 0, whose tokens have the role 16:

    >>> from private_presence.protocol.quota import roles
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> keys = KeySet(100, (b"LT", b"ST", b"server 0", b"server 1"))
    >>> dict(zip(roles(config), keys.keys, strict=True))[16]
    b'server 0'
    """

    day: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True)
class Sight:
    """What the last lookups showed of a friend.

    Parameters
    ----------
    name : str
    lt_epoch : int
        The last long-term epoch in which the friend's record opened; 0 for none.
    t : int
        The last short-term epoch that was looked up.
    online : bool
        Whether a record opened in `t`; every other status is "offline" to people.
    status : int
    aux : bytes

    Examples
    --------
    Who the friend is, and what she said, is not printed:

    >>> Sight("alice", 100, 28_805, online=True, aux=b"at lunch")
    Sight(lt_epoch=100, t=28805)
    """

    name: str = field(repr=False)
    lt_epoch: int = 0
    t: int = 0
    online: bool = field(default=False, repr=False)
    status: int = field(default=0, repr=False)
    aux: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Outcome:
    """What came of the last exchange of a sort, for the screen and nothing else.

    Examples
    --------
    A lookup of short-term epoch 28 805, complete 17.25 seconds after its start:

    >>> outcome = Outcome("lookup", 2, 28_805, "complete", 8_641_517_250)
    >>> outcome.when_ms / 1000 - outcome.epoch * 300
    17.25
    """

    what: str
    kind: int
    epoch: int
    word: str
    when_ms: int


@dataclass(frozen=True)
class Alarm:
    """Something that an honest deployment does not do.

    Parameters
    ----------
    what : str
        A word for programs, such as ``"manifest"``.
    sentence : str
        For people.
    when_ms : int
        Milliseconds since 1970.

    Examples
    --------
    Programs go by the word, people read the sentence:

    >>> alarms = [
    ...     Alarm("clock", "this clock is wrong: set it", 8_641_500_000),
    ...     Alarm("answer", "a lookup server answers wrongly", 8_641_517_250),
    ... ]
    >>> [alarm.sentence for alarm in alarms if alarm.what == "clock"]
    ['this clock is wrong: set it']
    """

    what: str
    sentence: str
    when_ms: int


@dataclass(frozen=True)
class Evidence:
    """Bytes that show a third party what a server did; see `audit` and `proof`.

    Examples
    --------
    It is shown to others on purpose only, so its bytes are not printed:

    >>> Evidence("dropped", 8_641_517_250, b"receipt and body")
    Evidence(what='dropped', when_ms=8641517250)
    """

    what: str
    when_ms: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Device:
    """Everything that a device keeps.

    Parameters
    ----------
    client : Client
        Circles, friends, ratchets.
    account : Secret
        The 32 bytes that the operator gave at enrolment, or none.
    wish : Wish
    wallet : Wallet
    outbox : tuple of Parcel
    chain : tuple of Seen
        By kind and epoch, ascending, bounded.
    keys : tuple of KeySet
    sights : tuple of Sight
    outcomes : tuple of Outcome
        The last of each sort.
    alarms : tuple of Alarm
        The newest ones, oldest first.
    evidence : tuple of Evidence
        Bounded in number and bytes.
    connected_ms : int
        When this client last completed a lookup, in milliseconds since 1970.
    looked_lt : int
        The last LT epoch up to which all servers answered, whatever they answered:
        what is asked next depends on it (F4).  `client.last_lt` is the last one whose
        answers were taken over; nothing sent depends on that.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(
    ...     config, 100, SystemRandomness(), b"of the operator".ljust(32)
    ... )
    >>> device.looked_lt, device.wish.visible, len(device.client.circles)
    (100, False, 1)
    >>> "of the operator" in repr(device)
    False
    """

    client: Client
    account: Secret = field(default=Secret(), repr=False)
    wish: Wish = Wish()
    wallet: Wallet = field(default=Wallet(), repr=False)
    outbox: tuple[Parcel, ...] = field(default=(), repr=False)
    chain: tuple[Seen, ...] = field(default=(), repr=False)
    keys: tuple[KeySet, ...] = field(default=(), repr=False)
    sights: tuple[Sight, ...] = field(default=(), repr=False)
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False)
    alarms: tuple[Alarm, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)
    connected_ms: int = 0
    looked_lt: int = 0
    version: int = VERSION


def new_device(
    config: Config, lt_epoch: int, rng: Randomness, account: bytes = b""
) -> Device:
    """Set up a device.

    Parameters
    ----------
    config : Config
    lt_epoch : int
        Now.
    rng : Randomness
    account : bytes, 32 or none
        From the operator; without it there are no tokens and nothing is sent.

    Returns
    -------
    Device

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> device.account, device.client.circles[0].epoch
    (<Secret of 0 bytes>, 101)
    """
    client = new_client(config, lt_epoch, rng)
    return Device(client, Secret(account), looked_lt=lt_epoch)


def encode_device(device: Device) -> bytes:
    """Write a device; secrets are in it, so seal it before it goes to a disk.

    Parameters
    ----------
    device : Device

    Returns
    -------
    bytes

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> data = encode_device(device)
    >>> decode_device(data) == device
    True
    >>> bytes(device.client.circles[0].seed) in data  # hence the seal
    True
    """
    return encode_record(device)


def decode_device(data: bytes) -> Device:
    """Read a device.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Device

    Raises
    ------
    CorruptStateError
        If it is not what `encode_device` wrote, or of another version.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> data = encode_device(new_device(config, 100, SystemRandomness()))
    >>> decode_device(data).looked_lt
    100
    >>> decode_device(data[:-1])
    Traceback (most recent call last):
    private_presence.errors.CorruptStateError: expected a device's state ...
    """
    try:
        device = decode_record(Device, data, MAX_DEVICE_SIZE)
        check_version(device.version, VERSION, "a device's state")
    except (EncodingError, VersionError):
        raise CorruptStateError(
            "expected a device's state of version 1; got something else: restore a "
            "backup, or set up anew and exchange invitations again"
        ) from None
    return device
