"""Sliding Frank-Wolfe over measures: price, correct, slide, merge, until the gap closes.

Splines.md, Section 7.3. Each round adds the neurons that most violate the dual
certificate, solves for all coefficients exactly, lets directions and offsets slide by a
joint descent, sums neurons of one cell, and drops what is empty. The objective never
rises. Prices are exact in up to three dimensions where that takes seconds; elsewhere
they are a search, and the certificate says so.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.certificate import Certificate, certify, gap_scale
from splinear.shallow._correct import correct
from splinear.shallow._descend import descend
from splinear.shallow._merge import merge
from splinear.shallow._problem import Neurons, Problem
from splinear.shallow.search import Found, bound, price

Array = NDArray[np.float64]

#: Violations below this share of alpha are rounding.
ROUNDING = 1e-10


@dataclass(frozen=True)
class Effort:
    """How hard a solver works; what `fit_network` and paths choose.

    Attributes
    ----------
    few, many : int
        Starts of a pricing in a round, and before the gap is believed.
    ascent : int
        Steps of each ascent.
    slide : int
        Iterations of the joint descent in a round.
    add : int
        Least number of neurons that a round may add.
    merge : float
        Share of the gap that summing two neurons may cost.
    rows : int
        Data that a search sees at most.
    full, full_ascent : int
        Number of its best maxima that ascend further on all data, and their steps.
    correct : float
        Least tolerance of a corrective step of losses other than squares.
    exact : bool
        Whether prices are exact where that is feasible.
    boxes : int
        Boxes of directions that a bound at the end may look at; 0 is none.
    """

    few: int = 48
    many: int = 512
    ascent: int = 60
    slide: int = 50
    add: int = 48
    merge: float = 1e-3
    rows: int = 4096
    full: int = 16
    full_ascent: int = 6
    correct: float = 1e-13
    exact: bool = False
    boxes: int = 0


@dataclass(frozen=True, eq=False)
class State:
    """Neurons in use, what they predict, and what is known about them."""

    neurons: Neurons
    F: Array
    objective: float
    certificate: Certificate
    found: Found
    value: float  # the objective, of the smoothed loss if it is one
    smooth_gap: float
    violation: float
    residual: float  # of the conditions at the neurons, relative to alpha


class Sliding:
    """The method behind `fit_network`, in the form that `core.iterate` runs."""

    def __init__(
        self,
        problem: Problem,
        start: Neurons,
        tol: float,
        effort: Effort,
        rng: np.random.Generator,
        max_neurons: int | None = None,
    ) -> None:
        self._problem, self._start, self._tol = problem, start, tol
        self._effort, self._rng, self._limit = effort, rng, max_neurons
        self._idle = 0  # rounds for which sliding is left out
        self._scale = scale_of(problem)

    def init(self) -> State:
        """Correct the start, so that even no round at all gives a certified point."""
        return self._state(correct(self._problem, self._start, 1e-10))

    def certify(self, state: State) -> tuple[float, Certificate]:
        """Return what the state knows."""
        return state.objective, state.certificate

    def step(self, state: State) -> State | None:
        """Run one round; if nothing helps, search longer before giving up."""
        while True:
            if state.smooth_gap < 0.3 * state.certificate.gap:
                return self._sharper(state)
            neurons = self._round(state)
            if neurons is not None:
                return self._state(neurons, state)
            if state.found.kind == "exact" or state.found.starts >= self._effort.many:
                return self._sharper(state)
            state = self.confirmed(state)

    def _sharper(self, state: State) -> State | None:
        """Go on with less smoothing of the loss, if it is smoothed."""
        problem = self._problem.sharper()
        if problem is None:
            return None
        self._problem, self._idle = problem, 0
        return self._state(self._correct(state.neurons, state), state)

    def _round(self, state: State) -> Neurons | None:
        """From new neurons to better ones; None if the objective does not fall."""
        grown = self._grow(state)
        if grown is None:
            return None
        floor = state.value * (1.0 - ROUNDING)
        for settle in (self._settle, self._corrected):
            neurons = settle(grown, state)
            if self._problem.objective(neurons) < floor:
                return neurons
        return None

    def _corrected(self, neurons: Neurons, state: State) -> Neurons:
        """Correct alone: what helps where sliding is caught between data."""
        return self._limited(self._correct(neurons, state), state)

    def finish(self, state: State) -> State:
        """Return the state itself: `solve` confirms it."""
        return state

    def stats(self, state: State) -> dict[str, Any]:
        """Return what is worth counting."""
        return {
            "n_neurons": len(state.neurons.t),
            "violation": state.violation,
            "kkt_residual": state.residual,
        }

    def _grow(self, state: State) -> Neurons | None:
        """Add violated neurons with coefficients of zero, the worst first."""
        found, old = state.found, state.neurons
        level = self._problem.alpha * self._problem.atoms.unit_cost
        floor = level * (1.0 + max(ROUNDING, 0.03 * state.violation))
        new = np.flatnonzero(found.values > floor)
        new = new[: max(self._effort.add, len(old.t) // 2)]
        if self._limit is not None:
            new = new[: max(0, 2 * self._limit - len(old.t))]
        if new.size == 0:
            return None
        zeros = np.zeros((new.size, old.A.shape[1]))
        return Neurons(
            np.vstack([old.U, found.U[new]]),
            np.concatenate([old.t, found.t[new]]),
            np.vstack([old.A, zeros]),
            old.S,
        )

    def _settle(self, neurons: Neurons, state: State) -> Neurons:
        """Correct, slide while that pays, merge, and correct again."""
        neurons = self._correct(neurons, state)
        if self._idle == 0:
            before = self._problem.objective(neurons)
            slid = descend(self._problem, neurons, self._effort.slide)
            neurons = self._correct(slid, state)
            gained = before - self._problem.objective(neurons)
            self._idle = 0 if gained > 0.02 * state.certificate.gap else 3
        else:
            self._idle -= 1
        return self._merged(neurons, state)

    def _merged(self, neurons: Neurons, state: State) -> Neurons:
        problem = self._problem
        F = problem.predict(neurons)
        allowed = self._effort.merge * state.certificate.gap
        fewer = merge(problem, neurons, problem.loss.pull(problem.Y, F), allowed)
        if len(fewer.t) < len(neurons.t):
            neurons = self._correct(fewer, state)
        return self._limited(neurons, state)

    def _limited(self, neurons: Neurons, state: State) -> Neurons:
        """Keep the largest neurons, if there may be no more than so many."""
        if self._limit is None or len(neurons.t) <= self._limit:
            return neurons
        kept = np.argsort(-neurons.sizes, kind="stable")[: self._limit]
        neurons = self._correct(neurons.take(np.sort(kept)), state)
        return self._correct(descend(self._problem, neurons, self._effort.slide), state)

    def _correct(self, neurons: Neurons, state: State) -> Neurons:
        relative = state.certificate.relative_gap
        tol = min(max(1e-13, 1e-5 * relative), 1e-8)
        if self._problem.loss.name != "squared":
            tol = max(tol, self._effort.correct)
        return correct(self._problem, neurons, tol)

    def _state(self, neurons: Neurons, last: State | None = None) -> State:
        """Price the residual; a gap that shrank much must survive more starts."""
        F = self._problem.predict(neurons)
        near, enough = neurons.U, self._tol
        if last is not None:
            near = np.vstack([near, last.found.U[: self._effort.few]])
            enough = max(enough, 0.25 * last.certificate.relative_gap)
        state = self._priced(neurons, F, near, self._effort.few)
        while (
            state.found.kind != "exact"
            and state.certificate.relative_gap <= enough
            and state.found.starts < self._effort.many
        ):
            state = self._more(state, 3 * state.found.starts)
            if state.certificate.relative_gap > self._tol:
                break
        return state

    def rough_step(self, neurons: Neurons) -> Neurons | None:
        """Run one round, priced by new starts alone; None if nothing is violated."""
        F = self._problem.predict(neurons)
        state = self._priced(neurons, F, neurons.U[:0], self._effort.few)
        grown = self._grow(state)
        return self._settle(neurons if grown is None else grown, state)

    def confirmed(self, state: State) -> State:
        """Return the state with all the starts that are allowed."""
        if state.found.kind == "exact" or state.found.starts >= self._effort.many:
            return state
        return self._more(state, self._effort.many)

    def proven(self, state: State) -> State:
        """Return the state with a bound on eta, if one is asked for."""
        if not self._effort.boxes:
            return state
        problem, R = self._problem, self._problem.residual(state.F)
        # A bound that is higher by x adds about x times the penalty to the gap.
        penalty = problem.alpha * problem.atoms.unit_cost * state.neurons.sizes.sum()
        room = max(self._tol * self._scale - state.certificate.gap, 0.0)
        tol = max(1e-9, 0.5 * room / max(penalty, self._scale))
        found = bound(problem, R, state.found, self._effort.boxes, tol)
        return self._known(state.neurons, state.F, R, found)

    def _more(self, state: State, starts: int) -> State:
        starts = min(starts, self._effort.many - state.found.starts)
        neurons = state.neurons
        return self._priced(neurons, state.F, neurons.U, starts, state.found)

    def _priced(
        self,
        neurons: Neurons,
        F: Array,
        near: Array,
        starts: int,
        known: Found | None = None,
    ) -> State:
        R = self._problem.residual(F)
        found = price(self._problem, R, near, starts, self._effort, self._rng, known)
        return self._known(neurons, F, R, found)

    def _known(self, neurons: Neurons, F: Array, R: Array, found: Found) -> State:
        problem = self._problem
        value, truth = problem.objective(neurons, F), problem.true_objective(neurons, F)
        smooth, violation, residual = gap_at(problem, neurons, F, R, found)
        gap = smooth + truth - value
        proof = certify(found.kind, truth, gap, self._scale, found.starts)
        return State(
            neurons, F, truth, proof, found, value, smooth, violation, residual
        )


def gap_at(
    problem: Problem, neurons: Neurons, F: Array, R: Array, found: Found
) -> tuple[float, float, float]:
    """Return the gap for the dual point s R, the violation, and the residual of KKT.

    With s = min(1, level / sup |eta|) and eta_k at the neurons, the gap is
    ``sum_i w_i slack_i(s R) + sum_k (level |a_k| - s <eta_k, a_k>)``: no term is
    negative.
    """
    level = problem.alpha * problem.atoms.unit_cost
    eta, sizes = problem.correlations(neurons, R), neurons.sizes
    norms = np.linalg.norm(eta, axis=1)
    sup = max(found.sup, float(norms.max(initial=0.0)))
    s = min(1.0, level / sup) if sup > 0.0 else 1.0
    slack = problem.loss.slack(problem.Y, F, s * R)
    terms = level * sizes - s * np.einsum("kd,kd->k", eta, neurons.A)
    gap = float(problem.w @ slack) + float(np.maximum(terms, 0.0).sum())
    apart = eta / level - neurons.A / np.maximum(sizes, 1e-300)[:, None]
    residual = float(np.linalg.norm(apart, axis=1).max(initial=0.0))
    return gap, sup / level - 1.0, residual


def scale_of(problem: Problem) -> float:
    """Return the denominator of the relative gap."""
    if "scale" not in problem.__dict__:
        null = problem.mean_loss(problem.predict(null_neurons(problem)))
        zero = problem.mean_loss(np.zeros(problem.Y.shape))
        # Rounding of f enters squares by its square, absolute values as it is.
        eps = float(np.finfo(np.float64).eps)
        root = eps**0.5 if problem.loss.degree == 1 else 1.0
        problem.__dict__["scale"] = gap_scale(null, zero / root)
    return problem.__dict__["scale"]


def null_neurons(problem: Problem) -> Neurons:
    """Return the best network without neurons: the skip connection alone."""
    if "null" not in problem.__dict__:
        problem.__dict__["null"] = _null_neurons(problem)
    return problem.__dict__["null"]


def _null_neurons(problem: Problem) -> Neurons:
    d, D, r = problem.X.shape[1], problem.n_outputs, problem.skip_map.shape[1]
    none = Neurons(np.zeros((0, d)), np.zeros(0), np.zeros((0, D)), np.zeros((r, D)))
    if problem.loss.name == "squared":
        return replace(none, S=problem.moments(problem.Y))
    constant = problem.loss.null_output(problem.Y, problem.w)
    S = problem.moments(np.broadcast_to(constant, problem.Y.shape))
    return correct(problem, replace(none, S=S))
