"""All checks of scikit-learn, on subclasses that pick the first column of a table.

The checks feed tables of several columns, which the estimators refuse by design, and
scikit-learn skips every check for estimators that say so (as IsotonicRegression does).
The subclasses here only add ``X[:, 0]`` in front, so that the checks do run.
"""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_array, validate_data

from splinear.univariate.estimators import (
    AdaptiveSplineClassifier,
    AdaptiveSplineRegressor,
    AdaptiveSplineRegressorCV,
    _base,
    _validate,
)


def first_column(estimator, X, reset):
    """Stand in for `read_column`: any number of columns, the first one counts."""
    X = validate_data(estimator, X, reset=reset, dtype=np.float64)
    return check_array(X)[:, 0], "number"


def picking(name, kind):
    """Return a subclass of `kind` that takes tables and uses their first column."""

    def fit(self, X, y, sample_weight=None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_validate, "read_column", first_column)
            return kind.fit(self, X, y, sample_weight)

    def _column(self, X):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_base, "read_column", first_column)
            return kind._column(self, X)

    def __sklearn_tags__(self):
        tags = kind.__sklearn_tags__(self)
        tags.input_tags.one_d_array = False
        tags.input_tags.two_d_array = True
        # One column of several explains little of what all of them make.
        if tags.regressor_tags is not None:
            tags.regressor_tags.poor_score = True
        if tags.classifier_tags is not None:
            tags.classifier_tags.poor_score = True
        return tags

    def get_feature_names_out(self, input_features=None):
        if input_features is not None:
            if len(input_features) != self.n_features_in_:
                raise ValueError("input_features should have length equal to number")
            input_features = input_features[:1]
        return kind.get_feature_names_out(self, input_features)

    body = {
        function.__name__: function
        for function in (fit, _column, __sklearn_tags__, get_feature_names_out)
    }
    # The checks pickle, clone and read signatures: name it as its global.
    body |= {"__init__": kind.__init__, "__module__": __name__, "__qualname__": name}
    return type(name, (kind,), body)


Regressor = picking("Regressor", AdaptiveSplineRegressor)
RegressorCV = picking("RegressorCV", AdaptiveSplineRegressorCV)
Classifier = picking("Classifier", AdaptiveSplineClassifier)

ESTIMATORS = [
    Regressor(verbose=False),
    RegressorCV(n_alphas=5, cv=3, verbose=False),
    Classifier(alpha=0.01, verbose=False),
]
MORE = [
    Regressor(alpha=0.01, verbose=False),
    Regressor(alpha=0.01, loss="quantile", verbose=False),
    Regressor(order=1, verbose=False),
    Classifier(verbose=False),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.slow  # 262 checks, 45 s of one core, most of it paths of classifiers
@parametrize_with_checks(MORE)
def test_scikit_learn_check_of_more_settings(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "kind",
    [AdaptiveSplineRegressor, AdaptiveSplineRegressorCV, AdaptiveSplineClassifier],
)
def test_the_estimators_themselves_say_one_column(kind):
    tags = kind().__sklearn_tags__().input_tags
    assert tags.one_d_array
    assert not tags.two_d_array
