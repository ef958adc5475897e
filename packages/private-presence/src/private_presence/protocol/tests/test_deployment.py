"""A deployment's file: who must sign what, and what is refused."""

from dataclasses import replace

import pytest

from private_presence.errors import (
    EncodingError,
    ForeignStateError,
    PresenceError,
    VerificationError,
)
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import encode_config, sign_config
from private_presence.protocol.deployment import (
    decode_deployment,
    encode_deployment,
    newer,
)
from private_presence.protocol.directory import (
    Directory,
    Party,
    encode_directory,
    sign_directory,
    split_address,
)
from private_presence.protocol.signed import encode_signed

from .world import REGISTRAR, SERVERS, deployment

SIGNERS = (REGISTRAR, *SERVERS)
RNG = SeededRandomness("deployment")


def directory(config, serial=1, **changes):
    parties = tuple(
        Party(f"host{i}.example:443", f"host{i}.example:8443" if i else "", b"DER")
        for i in range(len(SIGNERS))
    )
    return replace(Directory(config.dep_id, serial, parties), **changes)


def file_of(config, places, signers=SIGNERS):
    constants = encode_config(config)
    constants = encode_signed(
        constants, [sign_config(config, key, RNG) for key in SIGNERS]
    )
    data = encode_directory(places)
    signed = encode_signed(data, [sign_directory(data, key, RNG) for key in signers])
    return encode_deployment(constants, signed)


def test_a_file_that_all_signed_is_read_back():
    config = deployment()
    places = directory(config, relay=Party("relay.example:443", "", b"DER"))
    read = decode_deployment(file_of(config, places))
    assert (read.config, read.directory) == (config, places)


def test_every_signature_is_needed():
    config = deployment()
    for i in range(len(SIGNERS)):
        wrong = [*SIGNERS]
        wrong[i] = SERVERS[-1] if i == 0 else REGISTRAR
        with pytest.raises(VerificationError):
            decode_deployment(file_of(config, directory(config), wrong))
    with pytest.raises(VerificationError):
        decode_deployment(file_of(config, directory(config), SIGNERS[:-1]))


def test_a_directory_of_another_deployment_or_number_of_parties_is_refused():
    config = deployment()
    other = directory(deployment(retain=7))
    with pytest.raises(VerificationError, match="another deployment"):
        decode_deployment(file_of(config, other))
    few = directory(config)
    few = replace(few, parties=few.parties[:-1])
    with pytest.raises(VerificationError, match="parties"):
        decode_deployment(file_of(config, few))


def test_only_a_newer_directory_replaces_a_pinned_one():
    config = deployment()
    old, new = (
        decode_deployment(file_of(config, directory(config, i))) for i in (1, 2)
    )
    assert newer(old, new) is new
    assert newer(new, old) is new
    other = deployment(retain=7)
    with pytest.raises(ForeignStateError, match="new name"):
        newer(old, decode_deployment(file_of(other, directory(other))))


@pytest.mark.parametrize(
    "address",
    ["", "host", "host:", ":1", "host:0", "host:65536", "host:x", "::1:80", "a/b:1",
     "user@host:1", "host:１"],
)  # fmt: skip
def test_an_address_has_one_form(address):
    with pytest.raises(EncodingError, match="host:port"):
        split_address(address)


def test_a_file_cut_or_changed_anywhere_is_refused():
    config = deployment()
    data = file_of(config, directory(config))
    for at in range(0, len(data), 17):
        for wrong in (data[:at], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]):
            with pytest.raises(PresenceError):
                decode_deployment(wrong)


@pytest.mark.parametrize(
    ("mode", "servers", "name"),
    [("xor", 3, "XorPir"), ("shamir", 3, "ShamirPir"), ("dpf", 2, "DpfPir"),
     ("download", 1, "DownloadPir")],
)  # fmt: skip
def test_the_configuration_fixes_the_backend(mode, servers, name):
    keys = deployment().servers[:servers]
    backend = backend_of(deployment(mode=mode, servers=keys, privacy=1))
    assert type(backend).__name__ == name
    assert backend.capacity == 21
