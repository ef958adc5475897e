"""The estimators that are compared, each tuned by held-out rows of its own data."""

from typing import Any

from experiments.estimation_rates.config import Config
from experiments.estimation_rates.held_out import HeldOutNet
from experiments.estimation_rates.kernels import TunedKernelRidge, arc_cosine, rbf
from sklearn.model_selection import KFold

from splinear import ShallowNetRegressor


def net(config: Config, seed: int) -> HeldOutNet:
    """Networks run to their end, alpha by a quarter of the rows."""
    return HeldOutNet(
        seed,
        certificate="heuristic",
        n_starts=config.n_starts,
        tol=config.tol,
        max_iter=config.max_iter,
        max_neurons=config.max_neurons,
    )


def auto(config: Config, seed: int) -> ShallowNetRegressor:
    """What users get: the estimator's own choice, five folds of rough fits."""
    return ShallowNetRegressor(
        scaling="none",  # the design is isotropic
        tol=config.tol,
        n_starts=config.n_starts,
        max_neurons=config.max_neurons,
        random_state=seed,
        verbose=False,
    )


def rbf_ridge(config: Config, seed: int) -> TunedKernelRidge:
    kernels = [rbf(gamma) for gamma in config.gammas]
    return TunedKernelRidge(kernels, config.ridge_alphas, _folds(config, seed))


def arccos_ridge(config: Config, seed: int) -> TunedKernelRidge:
    """The same neurons under the Hilbert norm: infinitely many, none chosen."""
    kernels = [arc_cosine(bias) for bias in config.biases]
    return TunedKernelRidge(kernels, config.ridge_alphas, _folds(config, seed))


def _folds(config: Config, seed: int) -> KFold:
    return KFold(config.folds, shuffle=True, random_state=seed)


METHODS: dict[str, Any] = {
    "net": net,
    "auto": auto,
    "rbf": rbf_ridge,
    "arccos": arccos_ridge,
}
