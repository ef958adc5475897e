"""The seal: what opens it, what does not, and what is said then."""

import pytest

from private_presence.client.keyring import KeyRing, SystemKeyRing
from private_presence.client.vault import (
    HEADER_SIZE,
    Cost,
    Vault,
    decode_header,
    vault_of_keyring,
    vault_of_passphrase,
)
from private_presence.errors import (
    CorruptStateError,
    InputError,
    LostStateError,
    StorageError,
    VerificationError,
)
from private_presence.primitives.secret import Secret
from private_presence.primitives.tests.seeded import SeededRandomness

CHEAP = Cost(1, 8)
WORDS = Secret(b"correct horse battery")


@pytest.fixture
def rng():
    return SeededRandomness("vault")


@pytest.fixture
def vault(rng):
    return vault_of_passphrase(WORDS, rng, cost=CHEAP)


class MemoryKeyRing(KeyRing):
    def __init__(self):
        self.keys = {}

    def get(self, entry):
        return self.keys.get(entry)

    def put(self, entry, key):
        self.keys[entry] = key


def test_what_was_sealed_opens_with_the_passphrase_in_another_process(vault, rng):
    sealed = vault.seal(b"state")
    again = vault_of_passphrase(WORDS, rng, header=decode_header(sealed))
    assert again.unseal(sealed) == vault.unseal(sealed) == b"state"
    assert len(sealed) == HEADER_SIZE + 24 + 16 + len(b"state")
    assert b"state" not in sealed


def test_two_seals_of_one_state_have_nothing_but_the_header_in_common(vault):
    one, two = (vault.seal(bytes(100))[HEADER_SIZE:] for _ in range(2))
    assert sum(a == b for a, b in zip(one, two, strict=True)) < 10


def test_a_wrong_passphrase_is_told_from_a_damaged_file(vault, rng):
    sealed = vault.seal(b"state")
    with pytest.raises(VerificationError, match="not the passphrase"):
        vault_of_passphrase(Secret(b"wrong horse"), rng, header=decode_header(sealed))


@pytest.mark.parametrize("at", [HEADER_SIZE, HEADER_SIZE + 24, -1])
def test_a_damaged_box_is_refused(vault, at):
    sealed = bytearray(vault.seal(b"state"))
    sealed[at] ^= 1
    with pytest.raises(CorruptStateError, match="damaged"):
        vault.unseal(bytes(sealed))


@pytest.mark.parametrize("size", [0, 10, HEADER_SIZE, HEADER_SIZE + 24, -1])
def test_a_cut_file_is_refused(vault, size):
    with pytest.raises(CorruptStateError):
        vault.unseal(vault.seal(b"state")[:size])


def test_another_vault_of_the_same_passphrase_does_not_open_it(vault, rng):
    other = vault_of_passphrase(WORDS, rng, cost=CHEAP)
    with pytest.raises(CorruptStateError):
        other.unseal(vault.seal(b"state"))


@pytest.mark.parametrize(
    ("at", "data"), [(12, b"\3"), (29, b"\0\0"), (29, b"\xff\xff"), (31, b"\xff" * 4)]
)
def test_a_foreign_header_cannot_ask_for_a_machine_full_of_memory(vault, at, data):
    sealed = bytearray(vault.seal(b"state"))
    sealed[at : at + len(data)] = data
    with pytest.raises(CorruptStateError):
        decode_header(bytes(sealed))


def test_a_short_passphrase_is_refused(rng):
    with pytest.raises(InputError, match="at least 8"):
        vault_of_passphrase(Secret(b"1234567"), rng)


def test_the_default_cost_is_the_one_that_the_header_carries(rng):
    """One derivation at full cost: 3 passes over 256 MiB."""
    sealed = vault_of_passphrase(WORDS, rng).seal(b"")
    assert decode_header(sealed).cost == Cost() == Cost(3, 256 * 1024)


@pytest.mark.parametrize("cost", [(0, 8), (65, 8), (1, 7), (1, (4 << 20) + 1)])
def test_costs_have_bounds(cost):
    with pytest.raises(InputError, match="passes"):
        Cost(*cost)


def test_a_key_in_the_keyring(rng):
    ring = MemoryKeyRing()
    sealed = vault_of_keyring(ring, rng).seal(b"state")
    header = decode_header(sealed)
    assert not header.needs_passphrase
    assert vault_of_keyring(ring, rng, header=header).unseal(sealed) == b"state"
    with pytest.raises(LostStateError, match="another device"):
        vault_of_keyring(MemoryKeyRing(), rng, header=header)
    ring.put(header.salt.hex(), Secret(bytes(32)))
    with pytest.raises(VerificationError):
        vault_of_keyring(ring, rng, header=header)


def test_a_keyring_that_keeps_nothing_is_noticed_before_a_state_is_sealed(rng):
    class Forgetful(MemoryKeyRing):
        def put(self, entry, key):
            pass

    with pytest.raises(StorageError, match="passphrase instead"):
        vault_of_keyring(Forgetful(), rng)


def test_a_machine_without_a_keyring_says_so(monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    pytest.importorskip("keyring")
    import keyring.core

    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    with pytest.raises(StorageError, match="no keyring answers"):
        SystemKeyRing().get("00")


def test_a_vault_shows_no_key(vault):
    assert "Secret" not in repr(vault)
    assert repr(bytes(vault._key)) not in repr(vars(vault))
    assert isinstance(vault, Vault)
