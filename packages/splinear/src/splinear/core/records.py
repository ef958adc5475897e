"""Records as JSON files: readable, exact to the last bit of every float."""

import json
from pathlib import Path
from typing import Any

import numpy as np


def write_record(record: Any, path: str | Path) -> None:
    """Write a record of plain values as JSON; an existing file is replaced."""
    text = json.dumps(record, indent=1, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_record(path: str | Path, what: str) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : str or Path
        File to read.
    what : str
        What it should be, for the error.

    Raises
    ------
    ValueError
        If the file is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no {what}: it is not JSON ({error})") from error


def plain(name: str, value: Any) -> Any:
    """Return a value as JSON has it: numbers, words, lists of them.

    Raises
    ------
    TypeError
        If it is something else; the message names it.

    Examples
    --------
    >>> plain("alphas", np.array([0.5, 1.0]))
    [0.5, 1.0]
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(name, entry) for entry in value]
    raise TypeError(
        f"{name} must be a number, a word or a list to be saved as JSON; got "
        f"{type(value).__name__}: pickle the estimator instead, or set a plain value"
    )
