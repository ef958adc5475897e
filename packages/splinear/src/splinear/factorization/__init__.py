"""Deep matrix factorisation: sharpness, minimisers and spectra in closed form.

Names load when they are first used (PEP 562); torch only inside `from_torch`.
"""

from typing import TYPE_CHECKING

from splinear._lazy import lazy

if TYPE_CHECKING:  # the same names for type checkers and editors
    from splinear.factorization.convert_torch import from_torch as from_torch
    from splinear.factorization.deep import (
        DeepMatrixFactorization as DeepMatrixFactorization,
    )
    from splinear.factorization.escape import EscapeRun as EscapeRun
    from splinear.factorization.escape import Trajectory as Trajectory
    from splinear.factorization.escape import escape_time as escape_time
    from splinear.factorization.escape import simulate_escape as simulate_escape
    from splinear.factorization.escape import (
        simulate_gradient_descent as simulate_gradient_descent,
    )
    from splinear.factorization.flat import (
        balanced_factorization as balanced_factorization,
    )
    from splinear.factorization.flat import balanced_spectrum as balanced_spectrum
    from splinear.factorization.flat import flattest_sharpness as flattest_sharpness
    from splinear.factorization.path import (
        RegularizationPath as RegularizationPath,
    )
    from splinear.factorization.path import (
        rank_breakpoints as rank_breakpoints,
    )
    from splinear.factorization.path import (
        regularization_path as regularization_path,
    )
    from splinear.factorization.regularized import (
        RegularizedMatrixFactorization as RegularizedMatrixFactorization,
    )
    from splinear.factorization.sharpness import SharpnessResult as SharpnessResult
    from splinear.factorization.shrinkage import (
        schatten_shrinkage as schatten_shrinkage,
    )
    from splinear.factorization.spectrum import HessianSpectrum as HessianSpectrum
    from splinear.factorization.thresholds import (
        critical_singular_value as critical_singular_value,
    )
    from splinear.factorization.thresholds import (
        critical_weight_decay as critical_weight_decay,
    )

# Public name -> the module that defines it.
_HOME = {
    "DeepMatrixFactorization": "deep",
    "EscapeRun": "escape",
    "HessianSpectrum": "spectrum",
    "RegularizationPath": "path",
    "RegularizedMatrixFactorization": "regularized",
    "SharpnessResult": "sharpness",
    "Trajectory": "escape",
    "balanced_factorization": "flat",
    "balanced_spectrum": "flat",
    "critical_singular_value": "thresholds",
    "critical_weight_decay": "thresholds",
    "escape_time": "escape",
    "flattest_sharpness": "flat",
    "from_torch": "convert_torch",
    "rank_breakpoints": "path",
    "regularization_path": "path",
    "schatten_shrinkage": "shrinkage",
    "simulate_escape": "escape",
    "simulate_gradient_descent": "escape",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)

__getattr__, __dir__ = lazy(__name__, _HOME)
