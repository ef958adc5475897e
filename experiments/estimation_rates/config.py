"""What is asked: sizes, dimensions, targets, noise, seeds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    sizes: tuple[int, ...] = (64, 256, 1024)
    dimensions: tuple[int, ...] = (2, 5, 10)
    targets: tuple[str, ...] = ("ridges", "bump")
    seeds: int = 4
    noise: float = 0.3  # targets have standard deviation one
    n_ridges: int = 3
    bump_width: float = 0.5
    n_test: int = 4000
    # Gap and starts of the network: errors here agree with finer ones to a percent.
    tol: float = 1e-2
    n_starts: int = 32
    # Kernel ridge: exp(-gamma |x - x'|^2), both grids wide enough to hold the best.
    gammas: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    alphas: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    folds: int = 3


CONFIGS = {
    "full": Config(),
    "small": Config(
        sizes=(64, 256), dimensions=(10,), targets=("ridges",), seeds=1, n_test=1000
    ),
}
