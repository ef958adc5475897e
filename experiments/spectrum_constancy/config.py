"""Which shapes, how many rotations and searches."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    # d_0, ..., d_L
    widths: tuple[tuple[int, ...], ...] = (
        (1, 3, 4, 1),
        (3, 4, 3),
        (3, 5, 4, 3),
        (4, 2, 5, 3),
        (2, 3, 3, 3, 2),
    )
    weight_decay: float = 0.2
    size: float = 6.0  # standard deviation of the target: large enough to keep rank
    rotations: int = 100
    # L-BFGS starts; those that end at the global minimum are compared.
    searches: int = 20
    # Relative excess of the objective that counts as global.
    near: float = 1e-10
    seed: int = 0


CONFIGS = {
    "full": Config(),
    "small": Config(widths=((3, 4, 3), (4, 2, 5, 3)), rotations=100, searches=3),
}
