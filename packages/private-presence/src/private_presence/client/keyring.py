"""The operating system's keyring, as far as a vault needs one."""

from abc import ABC, abstractmethod
from typing import final

from private_presence.errors import StorageError
from private_presence.primitives.secret import Secret

__all__ = ["KeyRing", "SystemKeyRing"]

SERVICE = "private-presence"


class KeyRing(ABC):
    """Keys by entry; the entry's name is random and says nothing.

    Examples
    --------
    One in memory, for a program that is never restarted:

    >>> class InMemory(KeyRing):
    ...     def __init__(self):
    ...         self.keys = {}
    ...
    ...     def get(self, entry):
    ...         return self.keys.get(entry)
    ...
    ...     def put(self, entry, key):
    ...         self.keys[entry] = key
    >>> ring = InMemory()
    >>> ring.put("00ff", Secret(bytes(32)))
    >>> ring.get("00ff"), ring.get("ff00")
    (<Secret of 32 bytes>, None)
    """

    @abstractmethod
    def get(self, entry: str) -> Secret | None:
        """Give a key.

        Parameters
        ----------
        entry : str

        Returns
        -------
        Secret or None
        """

    @abstractmethod
    def put(self, entry: str, key: Secret) -> None:
        """Keep a key.

        Parameters
        ----------
        entry : str
        key : Secret
        """


@final
class SystemKeyRing(KeyRing):
    """Secret Service, KWallet, the Keychain or Windows' vault, whichever is there."""

    def get(self, entry: str) -> Secret | None:
        """Give a key.

        Parameters
        ----------
        entry : str

        Returns
        -------
        Secret or None

        Raises
        ------
        StorageError
            If this machine has no keyring, or it stays locked.
        """
        try:
            text = _library().get_password(SERVICE, entry)
            return None if text is None else Secret(bytes.fromhex(text))
        except Exception as error:
            raise StorageError(_no_keyring(error)) from None

    def put(self, entry: str, key: Secret) -> None:
        """Keep a key.

        Parameters
        ----------
        entry : str
        key : Secret

        Raises
        ------
        StorageError
            If this machine has no keyring, or it stays locked.
        """
        try:
            _library().set_password(SERVICE, entry, bytes(key).hex())
        except Exception as error:
            raise StorageError(_no_keyring(error)) from None


def _library():
    # An extra; and it looks for its back ends while it is imported.
    import keyring

    return keyring


def _no_keyring(error: Exception) -> str:
    return (
        f"no keyring answers on this machine ({type(error).__name__}): unlock it, or "
        "use a passphrase"
    )
