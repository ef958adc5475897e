"""Random ReLU processes: exact samples, closed forms, limits, kernels, regression.

Names load when they are first used (PEP 562).
"""

from typing import TYPE_CHECKING

from splinear._lazy import lazy

if TYPE_CHECKING:  # the same names for type checkers and editors
    from splinear.processes.domain import CenteredBall as CenteredBall
    from splinear.processes.domain import CenteredBox as CenteredBox
    from splinear.processes.kernels import ReLUProcessKernel as ReLUProcessKernel
    from splinear.processes.kernels import (
        UniformBiasReLUKernel as UniformBiasReLUKernel,
    )
    from splinear.processes.laws import Gaussian as Gaussian
    from splinear.processes.laws import Rademacher as Rademacher
    from splinear.processes.laws import SymmetricStable as SymmetricStable
    from splinear.processes.laws import UserLaw as UserLaw
    from splinear.processes.laws import WeightLaw as WeightLaw
    from splinear.processes.limits import GaussianReLUProcess as GaussianReLUProcess
    from splinear.processes.limits import StableReLUProcess as StableReLUProcess
    from splinear.processes.network import RandomReLUNetwork as RandomReLUNetwork
    from splinear.processes.plot import plot_realisation as plot_realisation
    from splinear.processes.process import RandomReLUProcess as RandomReLUProcess
    from splinear.processes.rate import RateEstimate as RateEstimate
    from splinear.processes.rate import estimate_rate as estimate_rate
    from splinear.processes.regions import count_linear_regions as count_linear_regions
    from splinear.processes.spline_gp import CubicSplineGP as CubicSplineGP

# Public name -> the module that defines it.
_HOME = {
    "CenteredBall": "domain",
    "CenteredBox": "domain",
    "CubicSplineGP": "spline_gp",
    "Gaussian": "laws",
    "GaussianReLUProcess": "limits",
    "Rademacher": "laws",
    "RandomReLUNetwork": "network",
    "RandomReLUProcess": "process",
    "RateEstimate": "rate",
    "ReLUProcessKernel": "kernels",
    "StableReLUProcess": "limits",
    "SymmetricStable": "laws",
    "UniformBiasReLUKernel": "kernels",
    "UserLaw": "laws",
    "WeightLaw": "laws",
    "count_linear_regions": "regions",
    "estimate_rate": "rate",
    "plot_realisation": "plot",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)

__getattr__, __dir__ = lazy(__name__, _HOME)
