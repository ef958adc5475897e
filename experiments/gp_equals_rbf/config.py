"""What is asked: dimensions, rows, noise."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    dimensions: tuple[int, ...] = (1, 2, 3)
    # Halton points: without noise the systems are then no worse than they must be.
    n: int = 200
    n_test: int = 500
    noises: tuple[float, ...] = (0.0, 0.01, 1.0)
    variance: float = 2.0
    # Rows, repeats and level of the check of the deviations, which SciPy lacks.
    coverage_n: int = 40
    coverage_repeats: int = 1000
    level: float = 0.9
    rate: float = 20.0
    sigma: float = 0.1
    seed: int = 0


CONFIGS = {
    "full": Config(),
    "small": Config(n=60, n_test=100, coverage_repeats=100),
}
