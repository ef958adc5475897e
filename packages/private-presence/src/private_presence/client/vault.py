"""The seal around a state file: a key from a passphrase, or from the keyring.

A sealed file is ``header 49 | nonce 24 | box``; the header is authenticated with the
box, and carries a check value, so that a wrong passphrase is told from a damaged file::

    magic 12 | how 1 | salt or entry 16 | passes 2 | KiB 4 | check 14

A vault keeps its key while the program runs: a save costs no key derivation.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from private_presence.client.keyring import KeyRing
from private_presence.errors import (
    CapacityError,
    CorruptStateError,
    InputError,
    LostStateError,
    StorageError,
    VerificationError,
)
from private_presence.primitives.kdf import kdf
from private_presence.primitives.randomness import Randomness, SystemRandomness
from private_presence.primitives.reader import ByteReader
from private_presence.primitives.secret import Secret, equal
from private_presence.protocol.store import Wrap

__all__ = [
    "HEADER_SIZE",
    "Cost",
    "Vault",
    "decode_header",
    "vault_of_keyring",
    "vault_of_passphrase",
]

MAGIC = b"MP3v1-vault\x01"
KEY_SIZE, SALT_SIZE, NONCE_SIZE, CHECK_SIZE = 32, 16, 24, 14
HEADER_SIZE = len(MAGIC) + 1 + SALT_SIZE + 2 + 4 + CHECK_SIZE
PASSPHRASE, KEYRING = 1, 2
MIN_PASSPHRASE = 8  # characters; a shorter one falls to a search whatever it costs


@dataclass(frozen=True)
class Cost:
    """What one guess of a passphrase costs (Argon2id, RFC 9106, one lane).

    The default is libsodium's "moderate": 3 passes over 256 MiB, about half a second
    and one start of a program; a search with custom hardware pays for the same memory.

    Parameters
    ----------
    passes : int, 1 to 64
    kib : int, 8 to 4 MiB
        Memory in KiB.  The bounds are also what a foreign file may ask this machine
        for.

    Raises
    ------
    InputError
        If one is out of its range.

    Examples
    --------
    >>> Cost()
    Cost(passes=3, kib=262144)
    >>> Cost(passes=0)
    Traceback (most recent call last):
    private_presence.errors.InputError: expected 1 to 64 passes over 8 KiB to 4 GiB; ...
    """

    passes: int = 3
    kib: int = 262_144

    def __post_init__(self) -> None:
        if not (1 <= self.passes <= 64 and 8 <= self.kib <= 4 << 20):
            raise InputError(
                "expected 1 to 64 passes over 8 KiB to 4 GiB; got "
                f"{self.passes} over {self.kib} KiB: choose others"
            )


@dataclass(frozen=True)
class Header:
    """What a sealed file says before its key is known."""

    how: int
    salt: bytes
    cost: Cost
    check: bytes = field(repr=False)

    @property
    def needs_passphrase(self) -> bool:
        """Whether the key comes from a passphrase, not from the keyring."""
        return self.how == PASSPHRASE


def decode_header(data: bytes) -> Header:
    """Read the header of a sealed file.

    Parameters
    ----------
    data : bytes
        The file, or its first 49 bytes.

    Returns
    -------
    Header

    Raises
    ------
    CorruptStateError
        If it is no header of version 1.

    Examples
    --------
    The cost is for examples only:

    >>> words = Secret(b"several good words")
    >>> vault = vault_of_passphrase(words, SystemRandomness(), cost=Cost(1, 8))
    >>> header = decode_header(vault.seal(b"state"))
    >>> header.needs_passphrase, header.cost, len(header.salt)
    (True, Cost(passes=1, kib=8), 16)
    >>> decode_header(b"state")
    Traceback (most recent call last):
    private_presence.errors.CorruptStateError: expected a sealed state of version 1; ...
    """
    if data.startswith(MAGIC) and len(data) >= HEADER_SIZE:
        reader = ByteReader(data[len(MAGIC) : HEADER_SIZE], "a vault's header")
        how, salt = reader.byte(), reader.take(SALT_SIZE)
        passes, kib = int.from_bytes(reader.take(2), "big"), reader.u32()
        with suppress(InputError):
            header = Header(how, salt, Cost(passes, kib), reader.take(CHECK_SIZE))
            if how in (PASSPHRASE, KEYRING):
                return header
    raise CorruptStateError(
        "expected a sealed state of version 1; got something else: restore a backup"
    )


def _encode_header(header: Header) -> bytes:
    cost = header.cost
    numbers = cost.passes.to_bytes(2, "big") + cost.kib.to_bytes(4, "big")
    return MAGIC + bytes([header.how]) + header.salt + numbers + header.check


@final
class Vault(Wrap):
    """A seal whose key is known.

    XChaCha20-Poly1305: a nonce of 24 random bytes may be drawn for every save, for
    ever, whichever backups and crashes come between.

    Parameters
    ----------
    header : Header
    key : Secret, 32
    rng : Randomness, optional
        Of nonces.

    Examples
    --------
    >>> header = Header(KEYRING, bytes(16), Cost(), bytes(14))
    >>> vault = Vault(header, Secret(bytes(32)))
    >>> sealed = vault.seal(b"state")
    >>> len(sealed) - len(b"state"), vault.unseal(sealed)
    (89, b'state')
    >>> vault.unseal(sealed[:-1])
    Traceback (most recent call last):
    private_presence.errors.CorruptStateError: a sealed state is damaged, or of ...
    """

    def __init__(
        self, header: Header, key: Secret, rng: Randomness | None = None
    ) -> None:
        self._head, self._key = _encode_header(header), key
        self._rng = rng or SystemRandomness()

    def seal(self, data: bytes) -> bytes:
        """Encrypt a state under this vault's header.

        Parameters
        ----------
        data : bytes

        Returns
        -------
        bytes
            89 more than `data`.
        """
        nonce = bytes(self._rng.draw(NONCE_SIZE))
        box = crypto_aead_xchacha20poly1305_ietf_encrypt(
            data, self._head, nonce, bytes(self._key)
        )
        return self._head + nonce + box

    def unseal(self, data: bytes) -> bytes:
        """Decrypt a state.

        Parameters
        ----------
        data : bytes

        Returns
        -------
        bytes

        Raises
        ------
        CorruptStateError
            If it was damaged, or sealed by another vault.
        """
        start = HEADER_SIZE + NONCE_SIZE
        head, nonce, box = data[:HEADER_SIZE], data[HEADER_SIZE:start], data[start:]
        with suppress(CryptoError, ValueError):
            if equal(head, self._head):
                return crypto_aead_xchacha20poly1305_ietf_decrypt(
                    box, head, nonce, bytes(self._key)
                )
        raise CorruptStateError(
            "a sealed state is damaged, or of another vault: restore a backup"
        )


def vault_of_passphrase(
    passphrase: Secret,
    rng: Randomness,
    *,
    header: Header | None = None,
    cost: Cost | None = None,
) -> Vault:
    """Make a vault for a passphrase, or open the one of a sealed file.

    Parameters
    ----------
    passphrase : Secret
        UTF-8.
    rng : Randomness
    header : Header, optional
        Of a sealed file; without it a vault is made.
    cost : Cost, optional
        Of a new vault.

    Returns
    -------
    Vault

    Raises
    ------
    InputError
        If a new passphrase is too short.
    VerificationError
        If it is not the passphrase of the file.
    CapacityError
        If this machine has not the memory that the cost asks for.

    Examples
    --------
    Sealed by one start of a program and opened by the next; the cost is for examples
    only:

    >>> rng, words = SystemRandomness(), Secret(b"several good words")
    >>> sealed = vault_of_passphrase(words, rng, cost=Cost(1, 8)).seal(b"state")
    >>> header = decode_header(sealed)
    >>> vault_of_passphrase(words, rng, header=header).unseal(sealed)
    b'state'
    >>> vault_of_passphrase(Secret(b"some other words"), rng, header=header)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: this is not the passphrase that ...
    """
    if header:
        key = _stretch(passphrase, header.salt, header.cost)
        if not equal(_check(key), header.check):
            raise VerificationError(
                "this is not the passphrase that the state was sealed with: try again"
            )
        return Vault(header, key, rng)
    if len(bytes(passphrase).decode(errors="replace")) < MIN_PASSPHRASE:
        raise InputError(
            f"expected a passphrase of at least {MIN_PASSPHRASE} characters; got a "
            "shorter one: choose several words"
        )
    cost, salt = cost or Cost(), bytes(rng.draw(SALT_SIZE))
    key = _stretch(passphrase, salt, cost)
    return Vault(Header(PASSPHRASE, salt, cost, _check(key)), key, rng)


def vault_of_keyring(
    keyring: KeyRing, rng: Randomness, *, header: Header | None = None
) -> Vault:
    """Make a vault whose key lies in the keyring, or open the one of a sealed file.

    Parameters
    ----------
    keyring : KeyRing
    rng : Randomness
    header : Header, optional
        Of a sealed file; without it a key is drawn and put into the keyring.

    Returns
    -------
    Vault

    Raises
    ------
    LostStateError
        If the keyring has no key for the file: it was made on another device.
    StorageError
        If the keyring does not give back what it was given.
    VerificationError
        If it has another key for the file.

    Examples
    --------
    >>> class InMemory(KeyRing):
    ...     def __init__(self):
    ...         self.keys = {}
    ...
    ...     def get(self, entry):
    ...         return self.keys.get(entry)
    ...
    ...     def put(self, entry, key):
    ...         self.keys[entry] = key
    >>> mine, rng = InMemory(), SystemRandomness()
    >>> sealed = vault_of_keyring(mine, rng).seal(b"state")
    >>> header = decode_header(sealed)
    >>> vault_of_keyring(mine, rng, header=header).unseal(sealed)
    b'state'
    >>> vault_of_keyring(InMemory(), rng, header=header)
    Traceback (most recent call last):
    private_presence.errors.LostStateError: the keyring has no key for this state, ...
    """
    if header is None:
        entry, key = bytes(rng.draw(SALT_SIZE)), Secret(rng.draw(KEY_SIZE))
        keyring.put(entry.hex(), key)
        if keyring.get(entry.hex()) != key:
            raise StorageError("the keyring kept no key: use a passphrase instead")
        return Vault(Header(KEYRING, entry, Cost(), _check(key)), key, rng)
    stored = keyring.get(header.salt.hex())
    if stored is None:
        raise LostStateError(
            "the keyring has no key for this state, which was sealed on another device "
            "or by another user: restore a backup that has a passphrase"
        )
    if not equal(_check(stored), header.check):
        raise VerificationError("the keyring has another key: restore a backup")
    return Vault(header, stored, rng)


def _stretch(passphrase: Secret, salt: bytes, cost: Cost) -> Secret:
    passes, memory, entered = cost.passes, cost.kib * 1024, bytes(passphrase)
    try:
        return Secret(argon2id.kdf(KEY_SIZE, entered, salt, passes, memory))
    except (RuntimeError, MemoryError):  # all that libsodium says of it
        raise CapacityError(
            f"a passphrase takes {cost.kib / 1024:.3g} MiB of memory to check; there is "
            "less: end other programs, or raise this one's limit"
        ) from None


def _check(key: Secret) -> bytes:
    # Derived apart from the key in use; it helps a search no more than the box does.
    return bytes(kdf("vault-check", key, b"", CHECK_SIZE))
