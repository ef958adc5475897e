"""The one loop: methods supply the steps, the driver owns everything else."""

import time
from typing import Any, Generic, Protocol, TypeVar

from splinear.core.certificate import Certificate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.core.status import Status

State = TypeVar("State")
Value_co = TypeVar("Value_co", covariant=True)
State_contra = TypeVar("State_contra")

#: Steps without a new best gap after which a method counts as stalled.
PATIENCE = 40


class Method(Protocol, Generic[State, Value_co]):
    """What a solver supplies to `iterate`: five functions and no loop."""

    def init(self) -> State:
        """Return the first state."""
        ...

    def certify(self, state: State) -> tuple[float, Certificate]:
        """Return the objective at `state` and what is proven about it."""
        ...

    def step(self, state: State) -> State | None:
        """Return the next state, or None when no step can improve this one."""
        ...

    def finish(self, state: State) -> Value_co:
        """Turn the best state into the value that the user receives."""
        ...

    def stats(self, state: State) -> dict[str, Any]:
        """Return what is worth counting about the best state."""
        ...


def iterate(
    method: Method[State, Value_co],
    *,
    tol: float,
    max_iter: int,
    progress: Progress | None = None,
) -> Result[Value_co]:
    """Step until the relative gap is at most `tol`; keep the best point on the way.

    Ctrl-C is no failure: the best point so far comes back, with its certificate and
    the status INTERRUPTED.

    Parameters
    ----------
    method : Method
        Supplies init, certify, step, finish and stats.
    tol : float, >= 0
        Relative gap to reach.
    max_iter : int, >= 0
        Steps allowed after the first state.
    progress : Progress, optional
        Is told the gap after every step.

    Returns
    -------
    Result
    """
    began = time.perf_counter()
    state = method.init()
    objective, certificate = method.certify(state)
    best, best_step, step = (state, objective, certificate), 0, 0
    status = Status.CONVERGED
    try:
        while not certificate.relative_gap <= tol:
            if step >= max_iter:
                status = Status.MAX_ITER
                break
            following = method.step(state)
            if following is None or step - best_step > PATIENCE:
                status = Status.STALLED
                break
            state, step = following, step + 1
            objective, certificate = method.certify(state)
            if _better(objective, certificate, *best[1:]):
                best, best_step = (state, objective, certificate), step
            if progress is not None:
                progress.report(step, certificate)
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    if progress is not None:
        progress.close()
    state, objective, certificate = best
    if certificate.relative_gap <= tol:
        status = Status.CONVERGED
    elif status is Status.CONVERGED:  # the gap was not a number
        status = Status.STALLED
    stats = {
        "n_iter": step,
        "seconds": time.perf_counter() - began,
        **method.stats(state),
    }
    return Result(method.finish(state), status, certificate, objective, stats)


def _better(
    objective: float, certificate: Certificate, best: float, proof: Certificate
) -> bool:
    """Compare proven gaps; a gap that a search claims says less than the objective."""
    if certificate.kind == "heuristic":
        return objective < best
    return certificate.gap < proof.gap
