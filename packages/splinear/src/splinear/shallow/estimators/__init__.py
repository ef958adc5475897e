"""scikit-learn estimators over the solvers of shallow networks."""

from splinear.shallow.estimators.classifier import (
    ShallowNetClassifier as ShallowNetClassifier,
)
from splinear.shallow.estimators.cv import (
    ShallowNetClassifierCV as ShallowNetClassifierCV,
)
from splinear.shallow.estimators.cv import (
    ShallowNetRegressorCV as ShallowNetRegressorCV,
)
from splinear.shallow.estimators.regressor import (
    ShallowNetRegressor as ShallowNetRegressor,
)
