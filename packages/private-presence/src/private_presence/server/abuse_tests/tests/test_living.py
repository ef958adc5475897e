"""The deployment that is attacked answers honest clients rightly."""

from private_presence.protocol.receipt import Answer


def test_a_registration_and_a_lookup_succeed(services):
    assert services.register("one") is Answer.ACCEPTED
    assert services.look_up("one") == 1 + 128 * 8
