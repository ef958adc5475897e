"""Networks as JSON: readable, versioned, exact to the last bit."""

import json
from pathlib import Path
from typing import Any

from splinear.shallow.net import ShallowNet


def save_net(net: ShallowNet, path: str | Path) -> None:
    """Write a network as JSON; an existing file is replaced.

    Parameters
    ----------
    net : ShallowNet
        Any.
    path : str or Path
        File to write.
    """
    text = json.dumps(net.to_dict(), indent=1, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def load_net(path: str | Path) -> ShallowNet:
    """Read a network that `save_net` wrote: the same bits.

    Parameters
    ----------
    path : str or Path
        A file of `save_net`.

    Returns
    -------
    ShallowNet

    Raises
    ------
    ValueError
        If the file is no network, or of a version that this release does not know.
    """
    try:
        record: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is no file of a network: it is not JSON ({error})"
        ) from error
    try:
        return ShallowNet.from_dict(record)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
