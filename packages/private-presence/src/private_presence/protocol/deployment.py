"""The file by which a deployment is known: its configuration and its directory."""

from dataclasses import dataclass

from private_presence.errors import EncodingError, ForeignStateError
from private_presence.primitives import cbor
from private_presence.primitives.secret import equal
from private_presence.protocol.config import (
    MAX_CONFIG_SIZE,
    Config,
    decode_signed_config,
)
from private_presence.protocol.directory import (
    MAX_DIRECTORY_SIZE,
    Directory,
    decode_signed_directory,
)

__all__ = [
    "MAX_DEPLOYMENT_SIZE",
    "Deployment",
    "decode_deployment",
    "encode_deployment",
    "newer",
]

VERSION = 1
MAX_DEPLOYMENT_SIZE = 2 * (MAX_CONFIG_SIZE + MAX_DIRECTORY_SIZE) + 64


@dataclass(frozen=True)
class Deployment:
    """A configuration and a directory whose signatures were all checked.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> deployment = Deployment(config, Directory(config.dep_id, 1, ()))
    >>> deployment.config.mode, deployment.directory.serial
    ('xor', 1)
    """

    config: Config
    directory: Directory


def encode_deployment(signed_config: bytes, signed_directory: bytes) -> bytes:
    """Write a deployment's file, which is public.

    Parameters
    ----------
    signed_config, signed_directory : bytes

    Returns
    -------
    bytes

    Examples
    --------
    A list of three: the version, and the two signed parts.

    >>> encode_deployment(b"c", b"d").hex(" ")
    '83 01 41 63 41 64'
    """
    return cbor.encode([VERSION, signed_config, signed_directory])


def decode_deployment(data: bytes) -> Deployment:
    """Read a deployment's file and check all signatures in it.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Deployment
        That the keys are those of the operators one means is shown by its `dep_id`,
        from them or from an invitation; pin the first one.

    Raises
    ------
    EncodingError
        If it has another form.

    Examples
    --------
    A configuration that nobody signed:

    >>> from private_presence.protocol.config import encode_config
    >>> from private_presence.protocol.signed import encode_signed
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> unsigned = encode_signed(encode_config(config), [])
    >>> decode_deployment(encode_deployment(unsigned, b""))
    Traceback (most recent call last):
    private_presence.errors.VerificationError: signatures of R and of all servers ...
    """
    raw = cbor.decode(data, MAX_DEPLOYMENT_SIZE)
    match raw:
        case [int(version), bytes(config), bytes(directory)] if version == VERSION:
            constants = decode_signed_config(config)
            return Deployment(constants, decode_signed_directory(directory, constants))
    raise EncodingError(
        f"expected a deployment file of version {VERSION}; got something else: ask an "
        "operator for it"
    )


def newer(pinned: Deployment, offered: Deployment) -> Deployment:
    """Take an offered directory if it is newer than the pinned one.

    Parameters
    ----------
    pinned, offered : Deployment

    Returns
    -------
    Deployment

    Raises
    ------
    ForeignStateError
        If the offered one is another deployment.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> old = Deployment(config, Directory(config.dep_id, 1, ()))
    >>> new = Deployment(config, Directory(config.dep_id, 2, ()))
    >>> newer(old, new) is new, newer(new, old) is new
    (True, True)
    """
    if not equal(pinned.config.dep_id, offered.config.dep_id):
        raise ForeignStateError(
            "this file is of another deployment than the pinned one: a changed "
            "configuration has a new name and is joined anew"
        )
    later = offered.directory.serial > pinned.directory.serial
    return offered if later else pinned
