"""Every way in which this package fails, in one place.

::

    PresenceError
    ├── InputError               an argument the caller chose is wrong
    │   └── ConfigError          a deployment's constants contradict each other
    ├── EncodingError            bytes that are not a canonical message
    │   ├── LengthError          too short, too long, or another fixed size
    │   ├── VersionError         a format of another version
    │   └── PointError           no valid curve point or scalar
    ├── VerificationError        a signature, tag, pairing or hash does not fit
    ├── ExcludedError            this key is excluded from a header
    ├── ReplayError              something is used for the second time
    │   ├── ConflictError        a second, different body under one key
    │   └── SpentError           a token that was redeemed before
    ├── EpochError               not the epoch, or not the window, for this
    │   └── ClockError           this machine's clock disagrees with the servers'
    ├── CapacityError            more than a deployment's constants allow
    │   └── QuotaError           more than one account may use in a day
    ├── StateError               a step that the present state does not allow
    │   ├── LostStateError       no state file where one was expected
    │   ├── CorruptStateError    a state file that is not whole
    │   ├── ForeignStateError    a state file of another deployment
    │   └── RestoredStateError   a state older than what this device has done
    ├── QueryError               a private query that cannot be made or answered
    ├── AnswerError              a lookup server's answer that cannot be right
    ├── LayoutError              a table that cannot be laid out or decoded
    ├── PeerError                another server is away, or answers out of form
    └── StorageError             the disk is full, or the database is away

Each message is one sentence: what was expected, what came, what to do.  No message
carries a secret, a tag or the name of a friend.

Examples
--------
>>> issubclass(PointError, EncodingError) and issubclass(EncodingError, PresenceError)
True
"""

__all__ = [
    "AnswerError",
    "CapacityError",
    "ClockError",
    "ConfigError",
    "ConflictError",
    "CorruptStateError",
    "EncodingError",
    "EpochError",
    "ExcludedError",
    "ForeignStateError",
    "InputError",
    "LayoutError",
    "LengthError",
    "LostStateError",
    "PeerError",
    "PointError",
    "PresenceError",
    "QueryError",
    "QuotaError",
    "ReplayError",
    "RestoredStateError",
    "SpentError",
    "StateError",
    "StorageError",
    "VerificationError",
    "VersionError",
]


class PresenceError(Exception):
    """Anything that this package raises on purpose.

    Examples
    --------
    One clause refuses whatever is wrong with a message from outside:

    >>> from private_presence.primitives.scalars import decode_scalar
    >>> try:
    ...     decode_scalar(bytes(31))
    ... except PresenceError as error:
    ...     type(error).__name__, str(error)
    ('LengthError', 'a scalar has 32 bytes; got 31: refuse it')
    """


class InputError(PresenceError, ValueError):
    """An argument is wrong; the caller can correct it."""


class ConfigError(InputError):
    """The constants of a deployment contradict each other."""


class EncodingError(PresenceError):
    """Bytes are not a canonical message of this format."""


class LengthError(EncodingError):
    """A message, or a field of it, has another length than the format says."""


class VersionError(EncodingError):
    """A message is of a version that this program does not know."""


class PointError(EncodingError):
    """Bytes are no valid curve point or scalar: not canonical, off-subgroup, zero."""


class VerificationError(PresenceError):
    """A signature, authentication tag, pairing equation or hash does not fit."""


class ExcludedError(PresenceError):
    """The header excludes the key that tried to open it."""


class ReplayError(PresenceError):
    """Something that may be used once was used again."""


class ConflictError(ReplayError):
    """A second, different body under one key; resend the stored bytes instead."""


class SpentError(ReplayError):
    """A token was redeemed before."""


class EpochError(PresenceError):
    """The epoch is not the one, or its window is not open, for this step."""


class ClockError(EpochError):
    """The clock of this machine disagrees with the median of the servers'."""


class CapacityError(PresenceError):
    """More friends, slots, circles or bytes than the deployment allows."""


class QuotaError(CapacityError):
    """An account asks for more tokens than it may have in a day."""


class StateError(PresenceError):
    """The present state does not allow this step."""


class LostStateError(StateError):
    """There is no state file where one was expected."""


class CorruptStateError(StateError):
    """A state file is not whole; it was not written by this program."""


class ForeignStateError(StateError):
    """A state file belongs to another deployment."""


class RestoredStateError(StateError):
    """A state is older than what this device has already done."""


class QueryError(PresenceError):
    """A private query cannot be made, or cannot be answered as it stands."""


class AnswerError(PresenceError):
    """An answer of a lookup server cannot be right."""


class LayoutError(PresenceError):
    """A table cannot be laid out, or a layout does not fit its manifest."""


class PeerError(PresenceError):
    """Another server is away or answers out of form; asking again may help."""


class StorageError(PresenceError):
    """The disk is full or the database is away; nothing was acknowledged."""
