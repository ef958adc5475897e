"""scikit-learn's MLP with 100 units, Adam, its penalty by cross-validation.

It has no skip connection and also penalises what an affine function costs in neurons.
Its penalty is alpha/(2N) (|V|^2 + |W|^2) beside the mean of half the squares.
"""

from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor

from peers import folds, inner, standardised

UNITS, ALPHAS = 100, [1e-2, 1e-1, 1.0]


def build(N, d, seed):
    """Return the search; early stopping above 5,000 rows only."""
    model = MLPRegressor(
        hidden_layer_sizes=(UNITS,),
        max_iter=3000,
        tol=1e-5,
        n_iter_no_change=20,
        early_stopping=N > 5000,
        random_state=seed,
    )
    return standardised(GridSearchCV(model, {"alpha": ALPHAS}, cv=folds(seed)))


def size(model):
    """Return the number of hidden units."""
    return inner(model).coefs_[0].shape[1]
