"""What is asked: outputs, shared neurons, rows, noise, seeds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    outputs: tuple[int, ...] = (1, 2, 4, 8, 16)
    designs: tuple[str, ...] = ("shared", "separate")
    seeds: int = 5
    d: int = 2
    n_true: int = 3  # neurons: of all outputs together, or of each output
    n: int = 200
    n_valid: int = 200
    n_test: int = 2000
    noise: float = 0.3  # every output has standard deviation one
    n_alphas: int = 10
    ratio: float = 1e-2
    n_starts: int = 32
    tol: float = 1e-3
    max_iter: int = 10
    # Neurons closer than this, in direction and offset, count once.
    merge: float = 0.05
    # Singular values of coefficients below this part of the largest count as zero.
    least: float = 0.1


CONFIGS = {
    "full": Config(),
    "small": Config(
        outputs=(1, 4), seeds=1, n=100, n_test=1000, n_alphas=5, ratio=3e-2, tol=1e-2
    ),
}
