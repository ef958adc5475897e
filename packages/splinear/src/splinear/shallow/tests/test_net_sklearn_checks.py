"""scikit-learn's own checks of the shallow estimators, without exceptions."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from splinear.shallow.estimators import (
    ShallowNetClassifier,
    ShallowNetClassifierCV,
    ShallowNetRegressor,
    ShallowNetRegressorCV,
)

# The checks fit noise and tables of a few rows, where a gap may stay open: the warning
# is right then.  Any other warning is an error.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks(
    [
        ShallowNetRegressor(),
        ShallowNetRegressor(alpha=0.05),
        ShallowNetClassifier(alpha=0.01),
        # Few alphas, for the time: the paths themselves have tests of their own.
        ShallowNetRegressorCV([0.1, 0.03, 0.01], cv=3),
        ShallowNetClassifierCV([0.1, 0.03, 0.01], cv=3),
    ]
)
def test_it_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
