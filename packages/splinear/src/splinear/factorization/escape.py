"""How gradient descent leaves a minimum that is too sharp for its step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar
from splinear.factorization import _derivatives as derivatives
from splinear.factorization import _layer_checks as checks
from splinear.factorization._chain import Chain, join
from splinear.factorization.deep import DeepMatrixFactorization
from splinear.factorization.sharpness import find_sharpness

Array = NDArray[np.float64]
Quantity = Literal["distance", "projection", "sharpness"]

QUANTITIES = ("distance", "projection", "sharpness")
#: Loss, relative to the target, above which a run counts as diverged.
DIVERGED = 1e12
#: Gradient, relative to where the loss is of the size of the target, that ends a run.
SETTLED = 1e-12


def escape_time(
    step_size: float,
    sharpness: float,
    radius: float = 1e-9,
    threshold: float = 1e-3,
) -> float:
    """Steps from `radius` to `threshold` along the top eigenvector of a minimum.

    ``ln(threshold / radius) / ln(eta lambda - 1)``: the displacement changes its sign
    at every step and grows by ``|1 - eta lambda|``.

    Parameters
    ----------
    step_size : float, eta > 0
        Of gradient descent.
    sharpness : float, lambda > 0
        At the minimum.
    radius, threshold : float, 0 < radius < threshold
        Distances from the minimum, both small beside the layers.

    Returns
    -------
    float
        Infinite where ``eta lambda <= 2``: gradient descent then stays.

    Raises
    ------
    ValueError
        If a number is not positive or `threshold` is not above `radius`.

    Examples
    --------
    >>> round(escape_time(0.05, 42.0), 1)
    145.0
    >>> escape_time(0.01, 42.0)
    inf
    """
    eta = check_scalar("step_size", step_size, low=0.0, strict=True)
    lam = check_scalar("sharpness", sharpness, low=0.0, strict=True)
    start = check_scalar("radius", radius, low=0.0, strict=True)
    end = check_scalar("threshold", threshold, low=start, strict=True)
    if eta * lam <= 2.0:
        return math.inf
    return math.log(end / start) / math.log(eta * lam - 1.0)


@dataclass(frozen=True)
class Trajectory:
    """A run of gradient descent.

    Attributes
    ----------
    weights : list of arrays
        Where it ended.
    loss : (T + 1,) array
        At every step, the start included.
    distance : (T + 1,) array, or None
        Euclidean distance from the reference.
    projection : (T + 1,) array, or None
        Displacement from the reference along its top eigenvector.
    sharpness : (m,) array, or None
        At the steps of `sharpness_steps`.
    sharpness_steps : (m,) array of int
        Multiples of `sharpness_every`.
    ending : {"settled", "diverged", "steps"}
        The gradient vanished; the loss exploded; all steps were taken.
    """

    weights: list[Array]
    loss: Array
    distance: Array | None
    projection: Array | None
    sharpness: Array | None
    sharpness_steps: NDArray[np.int64]
    ending: str

    @property
    def n_steps(self) -> int:
        """Number of steps taken, T."""
        return len(self.loss) - 1

    def first_passage(self, threshold: float) -> int | None:
        """Return the first step at a distance of at least `threshold`, or None.

        Raises
        ------
        ValueError
            If the distance was not recorded.
        """
        if self.distance is None:
            raise ValueError("record must contain 'distance' for a first passage")
        passed = np.flatnonzero(self.distance >= threshold)
        return int(passed[0]) if passed.size else None


def simulate_gradient_descent(
    weights: Sequence[Any],
    target: Any,
    step_size: float,
    n_steps: int,
    record: Sequence[Quantity] = QUANTITIES,
    *,
    reference: Sequence[Any] | None = None,
    sharpness_every: int = 10,
    weight_decay: float = 0.0,
    loss_scale: float = 1.0,
    inputs: Any = None,
) -> Trajectory:
    """Run gradient descent with a constant step.

    Parameters
    ----------
    weights : sequence of arrays
        Start, first layer first.
    target : (d_L, d_0) array
        M, or Y with inputs.
    step_size : float, > 0
        eta.
    n_steps : int, >= 0
        At most so many; fewer where the gradient vanishes or the loss explodes.
    record : sequence of {"distance", "projection", "sharpness"}
        What to keep besides the loss; sharpness is what costs.
    reference : sequence of arrays, optional
        Minimum from which distances are measured; the start by default.
    sharpness_every : int, >= 1
        Steps between two of its values.
    weight_decay, loss_scale, inputs
        As of `DeepMatrixFactorization`.

    Returns
    -------
    Trajectory

    Raises
    ------
    ValueError
        If `record` names something else, or shapes do not fit.

    Examples
    --------
    >>> run = simulate_gradient_descent([[[2.0]], [[0.6]]], [[1.0]], 0.1, 500, [])
    >>> run.ending, round(float((run.weights[1] @ run.weights[0])[0, 0]), 10)
    ('settled', 1.0)
    """
    unknown = sorted(set(record) - set(QUANTITIES))
    if unknown:
        raise ValueError(f"record must name some of {QUANTITIES}; got {unknown}")
    eta = check_scalar("step_size", step_size, low=0.0, strict=True)
    T = int(check_scalar("n_steps", n_steps, low=0.0))
    every = int(check_scalar("sharpness_every", sharpness_every, low=1.0))
    options: dict[str, Any] = {
        "weight_decay": weight_decay,
        "loss_scale": loss_scale,
        "inputs": inputs,
    }
    net = DeepMatrixFactorization(weights, target, **options)
    base = (
        net
        if reference is None
        else DeepMatrixFactorization(
            checks.like_layers("reference", reference, net.weights), target, **options
        )
    )
    top = base.sharpness().eigenvector if "projection" in record else None
    watch = _Watch(base, None if top is None else join(list(top)), set(record), every)
    return _descend(net, eta, T, watch)


class _Watch:
    """Write down what was asked for at each step."""

    def __init__(
        self,
        base: DeepMatrixFactorization,
        top: Array | None,
        record: set[Quantity],
        every: int,
    ) -> None:
        self.origin, self.top = join(list(base.weights)), top
        self.record, self.every = record, every
        self.loss: list[float] = []
        self.rows: dict[str, list[float]] = {name: [] for name in QUANTITIES}
        self.steps: list[int] = []

    def see(self, step: int, chain: Chain, loss: float) -> None:
        self.loss.append(loss)
        if self.record & {"distance", "projection"}:
            moved = join(list(chain.W)) - self.origin
            self.rows["distance"].append(float(np.linalg.norm(moved)))
            if self.top is not None:
                self.rows["projection"].append(float(self.top @ moved))
        if "sharpness" in self.record and step % self.every == 0:
            self.steps.append(step)
            self.rows["sharpness"].append(find_sharpness(chain, "auto", 1e-10).value)

    def finish(self, chain: Chain, ending: str) -> Trajectory:
        kept = {
            name: np.array(self.rows[name]) if name in self.record else None
            for name in QUANTITIES
        }
        steps = np.array(self.steps, dtype=np.int64)
        return Trajectory(
            [W.copy() for W in chain.W],
            np.array(self.loss),
            sharpness_steps=steps,
            ending=ending,
            **kept,
        )


def _descend(
    net: DeepMatrixFactorization, eta: float, T: int, watch: _Watch
) -> Trajectory:
    chain = net._chain
    constant = net.loss() - _loss(chain)  # what inputs leave out of reach
    size = chain.c * float(np.sum(net.target**2)) + net.loss() + 1e-300
    steepest = max(1.0, *chain.W_norms) * size
    for step in range(T + 1):
        loss = _loss(chain) + constant
        watch.see(step, chain, loss)
        slopes = derivatives.gradient(chain)
        slope = max(float(np.abs(G).max()) for G in slopes)
        if slope <= SETTLED * steepest and step > 0:
            return watch.finish(chain, "settled")
        moved = tuple(W - eta * G for W, G in zip(chain.W, slopes, strict=True))
        after = Chain(moved, chain.X, chain.Y, chain.c, chain.lam)
        if not _fine(after, size):
            return watch.finish(chain, "diverged")
        if step < T:
            chain = after
    return watch.finish(chain, "steps")


def _loss(chain: Chain) -> float:
    decay = sum(float(np.sum(W * W)) for W in chain.W)
    return chain.c * float(np.sum(chain.E**2)) + chain.lam * decay


def _fine(chain: Chain, size: float) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return _loss(chain) <= DIVERGED * size  # false for a NaN


@dataclass(frozen=True)
class EscapeRun:
    """Gradient descent from beside a minimum.

    Attributes
    ----------
    sharpness : float
        At the minimum.
    time : int or None
        First step at a distance of at least `threshold`; None if there is none.
    predicted_time : float
        `escape_time` of the same numbers.
    final_sharpness : float
        Where it ended; NaN where it diverged.
    trajectory : Trajectory
        The run.
    """

    sharpness: float
    time: int | None
    predicted_time: float
    final_sharpness: float
    trajectory: Trajectory


def simulate_escape(
    weights: Sequence[Any],
    step_size: float,
    n_steps: int,
    *,
    radius: float = 1e-9,
    threshold: float = 1e-3,
    record: Sequence[Quantity] = ("distance", "projection"),
    sharpness_every: int = 10,
    loss_scale: float = 1.0,
) -> EscapeRun:
    """Start at ``W + radius U``, U the top eigenvector, for the target that W fits.

    Below ``2 / sharpness`` gradient descent returns; above it leaves, and settles at a
    minimum of sharpness below ``2 / step_size``, or oscillates or diverges where the
    step is too long for the flattest minimum as well.

    Parameters
    ----------
    weights : sequence of arrays
        A minimum: its product is the target.
    step_size : float, > 0
        eta.
    n_steps : int, >= 0
        At most so many.
    radius, threshold : float, > 0
        Distance of the start, and of the first passage.
    record, sharpness_every, loss_scale
        As of `simulate_gradient_descent`; the distance is always recorded.

    Returns
    -------
    EscapeRun

    Examples
    --------
    >>> run = simulate_escape([[[2.0]], [[0.5]]], 0.247059, 1000)
    >>> run.time, round(run.predicted_time), run.trajectory.ending
    (145, 145, 'settled')
    >>> run.final_sharpness < 2.0 / 0.247059
    True
    """
    net = DeepMatrixFactorization(weights, loss_scale=loss_scale)
    top = net.sharpness()
    start = [W + radius * U for W, U in zip(net.weights, top.eigenvector, strict=True)]
    run = simulate_gradient_descent(
        start,
        net.target,
        step_size,
        n_steps,
        cast("Sequence[Quantity]", ["distance", *record]),
        reference=net.weights,
        sharpness_every=sharpness_every,
        loss_scale=loss_scale,
    )
    end = math.nan
    if run.ending != "diverged":
        last = DeepMatrixFactorization(run.weights, net.target, loss_scale=loss_scale)
        end = last.sharpness().value
    predicted = escape_time(step_size, top.value, radius, threshold)
    passed = run.first_passage(threshold)
    return EscapeRun(top.value, passed, predicted, end, run)
