"""Every ordered pair, every epoch: clients agree with a model without cryptography."""

import pytest

from private_presence.protocol.records import Status

from .matrix import Matrix
from .world import LOOKUPS

each_lookup = pytest.mark.parametrize("lookup", LOOKUPS)


@each_lookup
def test_a_small_matrix_agrees_with_the_model(lookup):
    matrix = Matrix(1, 10, LOOKUPS[lookup])
    matrix.run(8, degree=4)
    # The test is worth something only if all of this happened.
    for outcome in (Status.OK, Status.ABSENT, Status.EXCLUDED, "st", "hidden"):
        assert matrix.checked[outcome] > 3, matrix.checked
    assert matrix.checked[Status.MALFORMED] == matrix.checked[Status.UNREADABLE] == 0


@pytest.mark.slow(seconds=105)
@each_lookup
def test_fifty_users_forty_epochs(lookup):
    matrix = Matrix(2026, 50, LOOKUPS[lookup])
    matrix.run(40)
    assert min(matrix.checked[s] for s in (Status.OK, Status.EXCLUDED, "st")) > 100
    assert max(owner.generation for owner in matrix.owners.values()) >= 3
