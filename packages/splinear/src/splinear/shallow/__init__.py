"""Shallow networks by convex geometry: functions, norms, solvers, estimators.

Names load when they are first used (PEP 562); torch and onnx only inside the
conversions that need them.
"""

from typing import TYPE_CHECKING

from splinear._lazy import lazy

if TYPE_CHECKING:  # the same names for type checkers and editors
    from splinear.shallow.atoms import Absolute as Absolute
    from splinear.shallow.atoms import AtomFamily as AtomFamily
    from splinear.shallow.atoms import Relu as Relu
    from splinear.shallow.atoms import TruncatedPower as TruncatedPower
    from splinear.shallow.canonical import canonicalise as canonicalise
    from splinear.shallow.convert_onnx import from_onnx as from_onnx
    from splinear.shallow.convert_onnx import to_onnx as to_onnx
    from splinear.shallow.convert_sklearn import from_sklearn as from_sklearn
    from splinear.shallow.convert_torch import from_torch as from_torch
    from splinear.shallow.convert_torch import to_torch as to_torch
    from splinear.shallow.domain import Ball as Ball
    from splinear.shallow.domain import Box as Box
    from splinear.shallow.estimators import ShallowNetClassifier as ShallowNetClassifier
    from splinear.shallow.estimators import (
        ShallowNetClassifierCV as ShallowNetClassifierCV,
    )
    from splinear.shallow.estimators import ShallowNetRegressor as ShallowNetRegressor
    from splinear.shallow.estimators import (
        ShallowNetRegressorCV as ShallowNetRegressorCV,
    )
    from splinear.shallow.fit import fit_network as fit_network
    from splinear.shallow.fit import fit_network_path as fit_network_path
    from splinear.shallow.fit import network_alpha_max as network_alpha_max
    from splinear.shallow.model_file import load_network_model as load_network_model
    from splinear.shallow.model_file import save_network_model as save_network_model
    from splinear.shallow.net import ShallowNet as ShallowNet
    from splinear.shallow.net_file import load_net as load_net
    from splinear.shallow.net_file import save_net as save_net
    from splinear.shallow.norms import path_norm as path_norm
    from splinear.shallow.norms import radon_tv_gaussian as radon_tv_gaussian
    from splinear.shallow.norms import variation_norm as variation_norm
    from splinear.shallow.printout import describe as describe
    from splinear.shallow.representer import sparsify as sparsify
    from splinear.shallow.representer import width_bound as width_bound

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
    "load_network_model": "model_file",
    "network_alpha_max": "fit",
    "path_norm": "norms",
    "radon_tv_gaussian": "norms",
    "save_net": "net_file",
    "save_network_model": "model_file",
    "sparsify": "representer",
    "to_onnx": "convert_onnx",
    "to_torch": "convert_torch",
    "variation_norm": "norms",
    "width_bound": "representer",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)

__getattr__, __dir__ = lazy(__name__, _HOME)
