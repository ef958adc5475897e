"""BLAS on one thread, where the work around it fills the cores or is small."""

from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    # Looking for libraries takes a millisecond: once is enough.
    return ThreadpoolController()


def one_blas_thread() -> Any:
    """Return a context in which BLAS runs on one thread.

    Examples
    --------
    >>> with one_blas_thread():
    ...     pass
    """
    return _controller().limit(limits=1, user_api="blas")
