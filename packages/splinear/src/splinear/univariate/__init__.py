"""Exact adaptive splines on one column: solvers, choice of alpha, estimators.

Names load when they are first used (PEP 562).
"""

from importlib import import_module

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


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_HOME)}"
        )
    module = import_module(f"{__name__}.{_HOME[name]}")
    value = getattr(module, name)
    # A module of the same name (`interpolate`) has just become an attribute of this
    # package; the function takes its place.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
