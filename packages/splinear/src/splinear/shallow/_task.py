"""A problem in units of its own, and the way back to those of the user."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.shallow._fit_checks import Data
from splinear.shallow._problem import Neurons, Problem
from splinear.shallow.atoms import Absolute, AtomFamily, Relu, family
from splinear.shallow.net import ShallowNet
from splinear.shallow.sliding import null_neurons

Array = NDArray[np.float64]

#: Targets whose deviation is at most this share of their mean are constant: the
#: rest is rounding of the mean.
CONSTANT = 4.0 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Task:
    """A problem in units of its own, and the way back to those of the user."""

    problem: Problem
    atoms: AtomFamily  # what the user asked for; the problem has ReLU for |z|
    center: Array
    scale: float
    out_center: Array
    out_scale: float

    @property
    def unit(self) -> float:
        """Objective of the user over that of the problem."""
        return self.out_scale**self.problem.loss.degree

    @property
    def alpha_unit(self) -> float:
        """Alpha of the user over that of the problem: what a unit neuron costs."""
        p = self.problem.atoms.homogeneity
        return self.unit / (self.out_scale / self.scale**p)

    def at(self, alpha: float) -> "Task":
        """Return the task for an alpha of the user."""
        return replace(self, problem=self.problem.at(alpha / self.alpha_unit))

    def to_net(self, neurons: Neurons) -> ShallowNet:
        """Return the network of the user."""
        net = self.problem.to_net(neurons)
        d = net.n_inputs
        scale = np.full(d, self.scale)
        net = net.in_units(self.center, scale, self.out_center, self.out_scale)
        return _as_absolute(net) if isinstance(self.atoms, Absolute) else net

    def to_neurons(self, net: ShallowNet) -> Neurons:
        """Return neurons to start from; the skip connection is fitted anew."""
        U, t = net.directions, (net.offsets - net.directions @ self.center) / self.scale
        p = self.problem.atoms.homogeneity
        factor = self.scale**p / self.out_scale
        factor *= net.atoms.unit_cost / self.problem.atoms.unit_cost
        S = null_neurons(self.problem).S
        return Neurons(U, t, net.coef * factor, S)


def _as_absolute(net: ShallowNet) -> ShallowNet:
    """Write ``a relu(z)`` as ``a/2 |z| + a/2 z``."""
    half = 0.5 * net.coef
    skip = net.skip + net.directions.T @ half
    intercept = net.intercept - net.offsets @ half
    return ShallowNet(net.directions, net.offsets, half, skip, intercept, 2, "absolute")


def make_task(
    data: Data,
    loss: Any,
    activation: str | AtomFamily,
    order: int | None,
    device: Any = None,
) -> Task:
    """Centre and scale: columns by one number, since the seminorm is isotropic.

    With a torch `device` the large passes run there.
    """
    atoms = family(activation, order)
    inner = Relu() if isinstance(atoms, Absolute) else atoms
    center = data.w @ data.X
    X = data.X - center
    scale = float(np.sqrt(data.w @ np.einsum("nd,nd->n", X, X) / max(1, X.shape[1])))
    scale = scale if scale > 0.0 else 1.0
    X /= scale
    out_center, out_scale, Y = np.zeros(data.Y.shape[1]), 1.0, data.Y
    if loss.degree > 0:
        out_center = data.w @ Y
        Y = Y - out_center
        out_scale = float(np.sqrt(np.max(data.w @ (Y * Y), initial=0.0)))
        if out_scale <= CONSTANT * float(np.abs(out_center).max(initial=0.0)):
            Y, out_scale = np.zeros(Y.shape), 1.0
        Y = Y / out_scale
    loss = _rescaled(loss, 1.0 / out_scale)
    smooth = loss.smoothed(0.1)
    problem = Problem(
        np.ascontiguousarray(X),
        np.ascontiguousarray(Y),
        data.w,
        smooth,
        1.0,
        inner,
        None if smooth is loss else loss,
    )
    if device is not None:
        from splinear.shallow._torch_problem import on_device

        problem = on_device(problem, device)
    return Task(problem, atoms, center, scale, out_center, out_scale)


def _rescaled(loss: Any, factor: float) -> Any:
    """Return the loss of targets multiplied by `factor`."""
    return (
        replace(loss, low=loss.low * factor, high=loss.high * factor)
        if (loss.name == "huber")
        else loss
    )
