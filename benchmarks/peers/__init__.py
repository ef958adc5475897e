"""Peers of shallow networks, one file each.

Network peers (`adam`, `pathprox`, `scnn`) have ``fit(X, y, alpha, ...) -> Fit`` and
aim at ``1/(2N) |y - f(X)|^2 + alpha sum_k |a_k|``.  Predictors (`kernel_ridge`, `mlp`,
`hgb`, `mars`) have ``build(N, d, seed)``, an unfitted scikit-learn model that tunes
itself and standardises X and y inside, and ``size(model)``, a count to show beside.
"""

from dataclasses import dataclass

from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from splinear.shallow import ShallowNet


@dataclass(frozen=True)
class Fit:
    """A peer's network, the wall time of its fit and the steps that it took."""

    net: ShallowNet
    seconds: float
    steps: int


def standardised(model):
    """Wrap `model` so that it sees columns and target of mean 0 and variance 1."""
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), model), transformer=StandardScaler()
    )


def folds(seed):
    """Return five folds of shuffled rows.

    The sets keep the order they were recorded in (concrete: a mixture's ages are
    neighbours), and folds of neighbouring rows choose far too smooth a fit.
    """
    return KFold(5, shuffle=True, random_state=seed)


def inner(fitted):
    """Return the model inside a fitted `standardised`, the best one of a search."""
    model = fitted.regressor_.steps[-1][1]
    return getattr(model, "best_estimator_", model)
