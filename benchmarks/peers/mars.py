"""MARS from the package mars-earth (it imports as pymars), degree by cross-validation.

Terms before pruning: the default of R's earth, min(200, max(20, 2 d)) + 1.  The spans
between knots keep the package's default of none, which predicted better than those of
py-earth on yacht and energy.
"""

from pymars import Earth
from sklearn.model_selection import GridSearchCV

from peers import folds, inner, standardised


def build(N, d, seed):
    """Return the search over additive models and products of two hinges."""
    terms = min(200, max(20, 2 * d)) + 1
    grid = {"max_degree": [1, 2]}
    return standardised(GridSearchCV(Earth(max_terms=terms), grid, cv=folds(seed)))


def size(model):
    """Return the number of basis functions, the constant one included."""
    return len(inner(model).basis_)
