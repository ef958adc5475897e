"""The one type that every solver returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from splinear.core.certificate import Certificate
from splinear.core.status import Status

T = TypeVar("T")


@dataclass(frozen=True)
class Result(Generic[T]):
    """A solution with its status and what is proven about it.

    Attributes
    ----------
    value
        The solution: a `Spline`, a network, a matrix.
    status : Status
        How the solver ended; ``status.value`` is a sentence.
    certificate : Certificate
        What is proven about `value`.
    objective : float
        Objective at `value`, in the convention ``mean loss + alpha * norm``.
    stats : mapping
        Iterations, seconds, sizes: whatever the solver counted.
    """

    value: T
    status: Status
    certificate: Certificate
    objective: float
    stats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether the certificate met the tolerance."""
        return self.status is Status.CONVERGED
