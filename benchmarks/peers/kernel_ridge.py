"""Gaussian kernel ridge regression, both parameters by cross-validation.

Above 5,000 rows: Nystroem's method with 2,000 centres and ridge regression on all rows;
its parameters come from one split of 5,000 rows with 1,000 centres, because the search
would otherwise cost twenty such fits.
"""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import Pipeline

from peers import folds, inner, standardised

EXACT_ROWS, CENTRES = 5000, 2000
#: Times 1/d: kernel exp(-gamma |x - x'|^2) of standardised columns.
GAMMAS = np.array([0.03, 0.1, 0.3, 1.0, 3.0])
ALPHAS = [1e-5, 1e-3, 3e-2, 1.0]


def build(N, d, seed):
    """Return the exact search, or Nystroem's for more than 5,000 rows."""
    if N > EXACT_ROWS:
        return standardised(NystroemSearch(seed))
    grid = {"gamma": GAMMAS / d, "alpha": ALPHAS}
    return standardised(GridSearchCV(KernelRidge(kernel="rbf"), grid, cv=folds(seed)))


def size(model):
    """Return the number of kernel functions in the sum."""
    model = inner(model)
    return CENTRES if isinstance(model, NystroemSearch) else len(model.dual_coef_)


class NystroemSearch(RegressorMixin, BaseEstimator):
    """Parameters from a part of the rows, the fit from all."""

    def __init__(self, seed=0):
        self.seed = seed

    def fit(self, X, y):
        rows = np.random.default_rng(self.seed).permutation(len(X))[:EXACT_ROWS]
        split = ShuffleSplit(1, test_size=0.2, random_state=self.seed)
        grid = {"map__gamma": GAMMAS / X.shape[1], "ridge__alpha": ALPHAS}
        search = GridSearchCV(self.model(CENTRES // 2), grid, cv=split, refit=False)
        search.fit(X[rows], y[rows])
        self.model_ = self.model(CENTRES).set_params(**search.best_params_)
        self.model_.fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def model(self, centres):
        features = Nystroem(n_components=centres, random_state=self.seed)
        return Pipeline([("map", features), ("ridge", Ridge(solver="cholesky"))])
