"""Networks as JSON: readable, versioned, exact to the last bit."""

from pathlib import Path

from splinear.core.records import read_record, write_record
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
    write_record(net.to_dict(), path)


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
    record = read_record(path, "file of a network")
    try:
        return ShallowNet.from_dict(record)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
