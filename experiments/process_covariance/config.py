"""What is asked: dimensions, draws, pairs of points."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    dimensions: tuple[int, ...] = (1, 2, 3, 5)
    # Fixed beforehand: z is computed once, at this n.
    draws: int = 400_000
    rate: float = 1.0
    # Norms of the two points and the cosine between them (one on the line).
    radii: tuple[float, float] = (0.9, 0.6)
    cosine: float = 0.5
    seed: int = 0


CONFIGS = {"full": Config(), "small": Config(draws=20_000)}
