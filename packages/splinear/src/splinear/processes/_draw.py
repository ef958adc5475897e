"""The exact sampler: neurons that bend one domain and not another inside it."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from splinear.processes._sphere import sphere_area
from splinear.processes.domain import Domain
from splinear.processes.laws import WeightLaw

Array = NDArray[np.float64]

#: Expected numbers of neurons above this are refused: they would fill the memory.
MOST = 10**9


class Neurons(NamedTuple):
    """``sum_k v_k (u_k . x - t_k)_+``."""

    u: Array  # (K, d), unit rows
    t: Array  # (K,), positive
    v: Array  # (K,)


class Source(Protocol):
    """Where more neurons come from when a realisation is extended."""

    @property
    def dim(self) -> int: ...

    def draw(
        self, inner: Domain | None, outer: Domain, rng: np.random.Generator
    ) -> Neurons: ...


def directions(rng: np.random.Generator, count: int, dim: int) -> Array:
    """Return rows that are uniform on the sphere."""
    if dim == 1:
        return rng.choice([-1.0, 1.0], size=(count, 1))
    U = rng.standard_normal((count, dim))
    return U / np.linalg.norm(U, axis=1, keepdims=True)


def shell(inner: Domain | None, outer: Domain, dim: int) -> tuple[float, float]:
    """Return the thresholds between which a neuron can bend outer and not inner."""
    return 0.0 if inner is None else inner.inner_radius, outer.outer_radius(dim)


def keep(inner: Domain | None, outer: Domain, U: Array, t: Array) -> NDArray[np.bool_]:
    """Return which neurons bend `outer` and vanish on `inner`."""
    bends = t < outer.support(U)
    return bends if inner is None else bends & (t >= inner.support(U))


def poisson_neurons(
    rate: float,
    law: WeightLaw,
    inner: Domain | None,
    outer: Domain,
    dim: int,
    rng: np.random.Generator,
) -> Neurons:
    """Draw the Poisson neurons, of intensity ``2 rate du dt`` over t > 0.

    The 2 counts both orientations of each hyperplane: every neuron was flipped to look
    away from the origin.
    """
    low, high = shell(inner, outer, dim)
    mean = 2.0 * rate * sphere_area(dim) * max(high - low, 0.0)
    if mean > MOST:
        raise ValueError(
            f"{mean:.3g} neurons are expected; at most {MOST:.0e} are drawn: take a "
            "smaller rate or domain, or the limit of the process"
        )
    count = int(rng.poisson(mean))
    U = directions(rng, count, dim)
    t = rng.uniform(low, high, count)
    kept = keep(inner, outer, U, t)
    return Neurons(U[kept], t[kept], law.sample(rng, int(kept.sum())))
