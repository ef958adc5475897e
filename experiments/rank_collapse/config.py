"""Which depths, how fine a path, how many independent searches."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    depths: tuple[int, ...] = (2, 3, 4, 5, 6)
    singular_values: tuple[float, ...] = (2.0, 1.2, 0.7, 0.3)
    # Distance from each breakpoint, relative: jumps are read off between both sides.
    beside: float = 1e-6
    # Searches of L-BFGS on both sides of the first breakpoint, at this distance.
    search_beside: float = 0.1
    starts: int = 20
    seed: int = 0


CONFIGS = {
    "full": Config(),
    "small": Config(depths=(2, 3, 4), starts=6),
}
