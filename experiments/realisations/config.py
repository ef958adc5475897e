"""What is asked: rates, laws, the square, seeds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    rates: tuple[float, ...] = (1.0, 10.0, 100.0, 1000.0)
    # Index of the weights: 2 is Gaussian.  At every rate the scale is rate^(-1/index),
    # so that each law has one limit; the paper does not state its scale.
    indices: tuple[float, ...] = (2.0, 1.25)
    half_width: float = 1.0
    seeds: int = 20
    # Points of the square at which facets are looked for.
    n_points: int = 20_000
    # Radius of the neighbourhood in which a facet is flat.
    near: float = 0.02
    # Neurons that count as dominant.
    largest: int = 10


CONFIGS = {
    "full": Config(),
    "small": Config(rates=(1.0, 100.0), seeds=5, n_points=2000),
}
