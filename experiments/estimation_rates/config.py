"""What is asked: sizes, dimensions, targets, noise, seeds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    sizes: tuple[int, ...] = (64, 256, 1024)
    dimensions: tuple[int, ...] = (2, 5, 10)
    targets: tuple[str, ...] = ("ridges", "bump", "jump")
    methods: tuple[str, ...] = ("net", "auto", "rbf", "arccos")
    seeds: int = 4
    noise: float = 0.3  # targets have standard deviation one
    n_ridges: int = 3
    bump_width: float = 0.5
    n_test: int = 4000
    # Gap, starts, rounds and width of the networks.
    tol: float = 1e-2
    n_starts: int = 32
    max_iter: int = 15
    max_neurons: int = 150
    # exp(-gamma |x - x'|^2), and ReLU neurons of (x, bias): grids wide enough to hold
    # the best.
    gammas: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    biases: tuple[float, ...] = (0.1, 0.3, 1.0)
    ridge_alphas: tuple[float, ...] = tuple(10.0 ** (k / 2) for k in range(-8, 5))
    folds: int = 3


CONFIGS = {
    "full": Config(),
    "small": Config(
        sizes=(64, 256),
        dimensions=(10,),
        targets=("ridges",),
        methods=("net", "rbf", "arccos"),
        seeds=1,
        n_test=1000,
    ),
}
