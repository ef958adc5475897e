"""scikit-learn estimators over the univariate solvers."""

from splinear.univariate.estimators.classifier import (
    AdaptiveSplineClassifier as AdaptiveSplineClassifier,
)
from splinear.univariate.estimators.cv import (
    AdaptiveSplineRegressorCV as AdaptiveSplineRegressorCV,
)
from splinear.univariate.estimators.regressor import (
    AdaptiveSplineRegressor as AdaptiveSplineRegressor,
)
