"""scikit-learn's histogram gradient boosting, as it comes and lightly tuned."""

from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV

from peers import folds, inner, standardised

GRID = {"learning_rate": [0.05, 0.1], "max_leaf_nodes": [8, 31]}


def build(N, d, seed):
    """Return the model with its defaults."""
    return standardised(HistGradientBoostingRegressor(random_state=seed))


def build_tuned(N, d, seed):
    """Return the search over step and tree size with 300 trees."""
    model = HistGradientBoostingRegressor(max_iter=300, random_state=seed)
    return standardised(GridSearchCV(model, GRID, cv=folds(seed)))


def size(model):
    """Return the number of trees."""
    return inner(model).n_iter_
