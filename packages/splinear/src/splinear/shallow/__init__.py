"""Shallow networks by convex geometry: functions, norms, solvers, estimators.

Names load when they are first used (PEP 562); torch and onnx only inside the
conversions that need them.
"""

from importlib import import_module

# Public name -> the module that defines it.
_HOME = {
    "Absolute": "atoms",
    "AtomFamily": "atoms",
    "Ball": "domain",
    "Box": "domain",
    "Relu": "atoms",
    "ShallowNet": "net",
    "ShallowNetClassifier": "estimators",
    "ShallowNetClassifierCV": "estimators",
    "ShallowNetRegressor": "estimators",
    "ShallowNetRegressorCV": "estimators",
    "TruncatedPower": "atoms",
    "canonicalise": "canonical",
    "describe": "printout",
    "fit_network": "fit",
    "fit_network_path": "fit",
    "from_onnx": "convert_onnx",
    "from_sklearn": "convert_sklearn",
    "from_torch": "convert_torch",
    "load_net": "net_file",
    "network_alpha_max": "fit",
    "path_norm": "norms",
    "radon_tv_gaussian": "norms",
    "save_net": "net_file",
    "to_onnx": "convert_onnx",
    "to_torch": "convert_torch",
    "variation_norm": "norms",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_HOME)}"
        )
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
