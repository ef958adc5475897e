"""Which minima, which steps, how near the start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    # eta in units of the largest stable step 2 / sharpness
    returns: tuple[float, ...] = (0.5, 0.9, 0.99)
    escapes: tuple[float, ...] = (1.01, 1.02, 1.05, 1.1, 1.2, 1.35)
    minima: tuple[str, ...] = ("scalar", "vector", "square", "wide")
    random_minima: int = 20  # Gaussian layers, depth 3, width 3
    radius: float = 1e-9
    threshold: float = 1e-3
    n_steps: int = 6_000
    # Last loss over the largest seen that counts as a minimum: flat directions are slow.
    near: float = 1e-6


CONFIGS = {
    "full": Config(),
    "small": Config(
        returns=(0.9,), escapes=(1.05, 1.2), random_minima=2, n_steps=4_000
    ),
}
