"""Exact adaptive splines on one column: solvers, choice of alpha, estimators.

Names load when they are first used (PEP 562).
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from splinear._lazy import lazy

if TYPE_CHECKING:  # the same names for type checkers and editors
    from splinear.univariate.constrained import fit_bounded as fit_bounded
    from splinear.univariate.estimators import (
        AdaptiveSplineClassifier as AdaptiveSplineClassifier,
    )
    from splinear.univariate.estimators import (
        AdaptiveSplineRegressor as AdaptiveSplineRegressor,
    )
    from splinear.univariate.estimators import (
        AdaptiveSplineRegressorCV as AdaptiveSplineRegressorCV,
    )
    from splinear.univariate.fit import alpha_max as alpha_max
    from splinear.univariate.fit import fit_spline as fit_spline
    from splinear.univariate.green import GreenSpline as GreenSpline
    from splinear.univariate.interpolate import interpolate as interpolate
    from splinear.univariate.model_file import load_model as load_model
    from splinear.univariate.model_file import save_model as save_model
    from splinear.univariate.path import fit_path as fit_path
    from splinear.univariate.periodic import PeriodicSpline as PeriodicSpline
    from splinear.univariate.plot import plot_fit as plot_fit
    from splinear.univariate.select import select_alpha as select_alpha
    from splinear.univariate.spline import Spline as Spline

# Public name -> the module that defines it.
_HOME = {
    "AdaptiveSplineClassifier": "estimators",
    "AdaptiveSplineRegressor": "estimators",
    "AdaptiveSplineRegressorCV": "estimators",
    "PeriodicSpline": "periodic",
    "GreenSpline": "green",
    "Spline": "spline",
    "alpha_max": "fit",
    "fit_bounded": "constrained",
    "fit_path": "path",
    "fit_spline": "fit",
    "interpolate": "interpolate",
    "load_model": "model_file",
    "plot_fit": "plot",
    "save_model": "model_file",
    "select_alpha": "select",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)

__getattr__, __dir__ = lazy(__name__, _HOME)


class _Package(ModuleType):
    """A package in which the function `interpolate` hides the module of that name.

    Python binds a submodule to its package when it is first imported, from wherever;
    without this, ``splinear.univariate.interpolate`` would depend on the history.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if _HOME.get(name) == name and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
