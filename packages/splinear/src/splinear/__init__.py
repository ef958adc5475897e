"""Sparsest splines and shallow networks, fitted with a certificate of optimality.

Names load when they are first used (PEP 562), so that ``import splinear`` costs
nothing: no compiler, no scikit-learn and no torch until a name needs them.

Examples
--------
>>> import splinear
>>> "Spline" in dir(splinear)
True
"""

from typing import TYPE_CHECKING

from ._lazy import lazy

if TYPE_CHECKING:  # the same names for type checkers and editors
    from splinear.factorization import (
        DeepMatrixFactorization as DeepMatrixFactorization,
    )
    from splinear.factorization import (
        RegularizedMatrixFactorization as RegularizedMatrixFactorization,
    )
    from splinear.processes import CubicSplineGP as CubicSplineGP
    from splinear.processes import RandomReLUProcess as RandomReLUProcess
    from splinear.shallow import ShallowNet as ShallowNet
    from splinear.shallow import ShallowNetClassifier as ShallowNetClassifier
    from splinear.shallow import ShallowNetClassifierCV as ShallowNetClassifierCV
    from splinear.shallow import ShallowNetRegressor as ShallowNetRegressor
    from splinear.shallow import ShallowNetRegressorCV as ShallowNetRegressorCV
    from splinear.shallow import fit_network as fit_network
    from splinear.univariate import AdaptiveSplineClassifier as AdaptiveSplineClassifier
    from splinear.univariate import AdaptiveSplineRegressor as AdaptiveSplineRegressor
    from splinear.univariate import (
        AdaptiveSplineRegressorCV as AdaptiveSplineRegressorCV,
    )
    from splinear.univariate import Spline as Spline
    from splinear.univariate import fit_path as fit_path
    from splinear.univariate import fit_spline as fit_spline
    from splinear.univariate import interpolate as interpolate

__version__ = "0.1.0"

# Public name -> the module that defines it.  tests/test_rules.py holds that the
# imports above say the same.
_HOME = {
    "AdaptiveSplineClassifier": "splinear.univariate",
    "AdaptiveSplineRegressor": "splinear.univariate",
    "AdaptiveSplineRegressorCV": "splinear.univariate",
    "CubicSplineGP": "splinear.processes",
    "DeepMatrixFactorization": "splinear.factorization",
    "RandomReLUProcess": "splinear.processes",
    "RegularizedMatrixFactorization": "splinear.factorization",
    "ShallowNet": "splinear.shallow",
    "ShallowNetClassifier": "splinear.shallow",
    "ShallowNetClassifierCV": "splinear.shallow",
    "ShallowNetRegressor": "splinear.shallow",
    "ShallowNetRegressorCV": "splinear.shallow",
    "Spline": "splinear.univariate",
    "fit_network": "splinear.shallow",
    "fit_path": "splinear.univariate",
    "fit_spline": "splinear.univariate",
    "interpolate": "splinear.univariate",
}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 (all are strings)

__getattr__, __dir__ = lazy(__name__, _HOME)
