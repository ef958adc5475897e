"""The registrar's two secrets, and the token keys that follow from one of them."""

from dataclasses import dataclass, field
from functools import lru_cache

from private_presence.primitives.blinding import SigningKey
from private_presence.primitives.curve import encode_g2
from private_presence.primitives.secret import Secret
from private_presence.primitives.tokens import TokenKey, token_key
from private_presence.protocol.config import Config
from private_presence.protocol.quota import roles

__all__ = ["RegistrarKeys", "public_keys", "token_key_of"]


@dataclass(frozen=True)
class RegistrarKeys:
    """What only the registrar has.

    Parameters
    ----------
    signing : SigningKey
        Signs manifests, raw files and receipts; its public half is in the
        configuration.
    issuer_root : Secret, 32 bytes
        All token keys are derived from it, so a restored registrar issues the same.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> keys = RegistrarKeys(signing_key(bytes(range(64))), Secret(bytes(32)))
    >>> len(keys.signing.public), "root" in repr(keys)
    (32, False)
    """

    signing: SigningKey
    issuer_root: Secret = field(repr=False)


@lru_cache(maxsize=256)
def token_key_of(root: Secret, config: Config, role: int, day: int) -> TokenKey:
    """Derive the key of a role and day, remembering those of late.

    Parameters
    ----------
    root : Secret, 32 bytes
    config : Config
    role, day : int

    Returns
    -------
    TokenKey

    Examples
    --------
    It is the key whose public half the manifest lists:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> root = Secret(bytes(32))
    >>> key = token_key_of(root, config, roles(config)[0], 7)
    >>> encode_g2(key.public) == public_keys(root, config, 7)[0]
    True
    """
    return token_key(root, config.dep_id, role, day)


def public_keys(root: Secret, config: Config, day: int) -> tuple[bytes, ...]:
    """The token keys of a day, as a manifest lists them (F10, F12).

    Parameters
    ----------
    root : Secret, 32 bytes
    config : Config
    day : int

    Returns
    -------
    tuple of bytes
        96 each, in the order of `quota.roles`.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> [len(key) for key in public_keys(Secret(bytes(32)), config, 7)]
    [96, 96, 96, 96]
    """
    keys = (token_key_of(root, config, role, day) for role in roles(config))
    return tuple(encode_g2(key.public) for key in keys)
