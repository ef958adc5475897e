"""Every way in which a solver may end, each with the sentence the user reads."""

from enum import Enum


class Status(Enum):
    """How a solver ended; the value is the sentence shown to the user.

    Examples
    --------
    >>> Status.CONVERGED.value
    'The gap is within the tolerance.'
    """

    CONVERGED = "The gap is within the tolerance."
    MAX_ITER = (
        "The iteration limit came before the tolerance: raise max_iter or tol; "
        "the value is the best point found and its gap is proven."
    )
    STALLED = (
        "The gap stopped shrinking at the limit of floating point: the value is the "
        "best point found; raise tol, or rescale the data if the gap matters."
    )
    UNPROVEN = (
        "The search found nothing better, but what is proven is a larger gap than the "
        "tolerance: the value stands; the bound tightens with fewer columns or rows."
    )
    INTERRUPTED = (
        "Interrupted by the user: the value is the best point so far, with its gap."
    )
