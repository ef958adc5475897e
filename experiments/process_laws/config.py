"""What is asked: rates of regions, dimensions of kurtosis, draws."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    # Regions: rates on the unit disc and on [-1, 1]^2.
    disc: tuple[float, ...] = (0.3, 1.0, 3.0)
    square: tuple[float, ...] = (0.3, 1.0)
    region_draws: int = 10_000
    # Kurtosis and zeros: dimensions and rates, at distance `radius`.
    dimensions: tuple[int, ...] = (1, 2, 3, 5)
    rates: tuple[float, ...] = (1.0, 4.0)
    radius: float = 0.8
    draws: int = 400_000
    # Stable weights: rates at which the characteristic function is compared.
    alpha: float = 1.25
    stable_rates: tuple[float, ...] = (1.0, 10.0, 100.0)
    frequencies: tuple[float, ...] = (0.5, 1.0, 3.0)
    seed: int = 0


CONFIGS = {
    "full": Config(),
    "small": Config(
        region_draws=500,
        disc=(0.3, 1.0),
        draws=10_000,
        rates=(1.0,),
        stable_rates=(1.0, 10.0),
    ),
}
