"""One way to turn `random_state` into independent streams."""

from typing import Any

import numpy as np


def generator(random_state: Any = None) -> np.random.Generator:
    """Return a Generator from None, an int, a Generator or a RandomState.

    Parameters
    ----------
    random_state : None, int, numpy Generator or RandomState
        A RandomState, as scikit-learn passes around, seeds a Generator by one draw.

    Examples
    --------
    >>> int(generator(0).integers(10))
    8
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)


def streams(random_state: Any, count: int) -> list[np.random.Generator]:
    """Return `count` statistically independent generators.

    Examples
    --------
    >>> [int(rng.integers(100)) for rng in streams(0, 3)]
    [80, 66, 65]
    """
    return generator(random_state).spawn(count)
