"""Networks in words: each neuron an if-then crease in the units of the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from splinear.shallow.net import ShallowNet


def describe(
    net: ShallowNet,
    names: Sequence[str] | None = None,
    *,
    center: Any = 0.0,
    scale: Any = 1.0,
    out_names: Sequence[str] | None = None,
    out_center: Any = 0.0,
    out_scale: Any = 1.0,
    limit: int | None = 20,
    digits: int = 3,
) -> str:
    """Report a network of order 2 as a baseline and creases, the largest first.

    Parameters
    ----------
    net : ShallowNet
        In the scaled units in which it was fitted; its canonical form is reported.
    names : sequence of d strings, optional
        Columns; "x1", "x2", ... by default.
    center, scale : float or (d,) arrays
        The columns were ``(x - center) / scale`` when `net` was fitted.
    out_names : sequence of D strings, optional
        Outputs; "y" or "y1", "y2", ... by default.
    out_center, out_scale : float or (D,) arrays
        The same of the outputs.
    limit : int, optional
        Number of creases to list; None for all.
    digits : int, >= 1
        Significant digits.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the order is not 2 or the numbers of names do not fit.

    Notes
    -----
    Importance is the size of the kink in scaled units, ``|coef|``: what the penalty
    sees. The weights of a crease are a unit vector in scaled units.

    Examples
    --------
    >>> f = ShallowNet([[0.6, 0.8]], [1.0], [2.0], [0.5, 0.0], 3.0)
    >>> print(describe(f, ["age", "income"], center=[40, 0], scale=[10, 1]))
    y = 1 + 0.05 age
    1 crease, sum of sizes 2:
    1. where 0.06·age + 0.8·income > 3.4 (size 2): slope of y changes by +0.12 per age, +1.6 per income
    """
    if net.order != 2:
        raise ValueError(f"net must be of order 2 to be described; got {net.order}")
    net = _as_relu(net).canonical()
    d, D = net.n_inputs, net.n_outputs
    names = _names("names", names, d, "x")
    outs = _names("out_names", out_names, D, "y")
    scale = np.broadcast_to(np.asarray(scale, dtype=np.float64), d)
    center = np.broadcast_to(np.asarray(center, dtype=np.float64), d)
    sizes = np.linalg.norm(net.coef, axis=1)
    plain = net.in_units(center, scale, out_center, out_scale)
    lines = [
        f"{out} = "
        + _sum([plain.intercept[o], *plain.skip[:, o]], ["", *names], digits)
        for o, out in enumerate(outs)
    ]
    count = f"{len(sizes)} crease{'' if len(sizes) == 1 else 's'}"
    lines.append(
        f"{count}, sum of sizes {sizes.sum():.{digits}g}" + ":" * bool(len(sizes))
    )
    order = np.argsort(-sizes, kind="stable")[:limit]
    for rank, k in enumerate(order, start=1):
        weights = net.directions[k] / scale
        threshold = net.offsets[k] + float(weights @ center)
        where = _sum(weights, names, digits, "·")
        # in_units keeps the order of neurons; its directions are unit vectors again.
        changes = _changes(
            np.outer(plain.directions[k], plain.coef[k]), names, outs, digits
        )
        lines.append(
            f"{rank}. where {where} > {threshold:.{digits}g} "
            f"(size {sizes[k]:.{digits}g}): {changes}"
        )
    if len(order) < len(sizes):
        lines.append(f"... and {len(sizes) - len(order)} smaller ones")
    return "\n".join(lines)


def _as_relu(net: ShallowNet) -> ShallowNet:
    """Write ``|z|`` as ``2 relu(z) - z``."""
    if net.activation == "relu":
        return net
    skip = net.skip - net.directions.T @ net.coef
    intercept = net.intercept + net.offsets @ net.coef
    return ShallowNet(net.directions, net.offsets, 2.0 * net.coef, skip, intercept)


def _names(what: str, names: Sequence[str] | None, size: int, letter: str) -> list[str]:
    if names is None:
        return [letter] if size == 1 else [f"{letter}{j + 1}" for j in range(size)]
    if len(names) != size:
        raise ValueError(f"{what} must have {size} entries; got {len(names)}")
    return [str(name) for name in names]


def _sum(values: Any, names: Sequence[str], digits: int, times: str = " ") -> str:
    """Write a sum, leaving out zeros."""
    text = ""
    for value, name in zip(values, names, strict=True):
        if value == 0.0:
            continue
        sign = (
            ("-" if value < 0 else "") if not text else (" - ", " + ")[int(value > 0)]
        )
        text += f"{sign}{abs(value):.{digits}g}{times if name else ''}{name}"
    return text or "0"


def _changes(table: Any, names: Sequence[str], outs: Sequence[str], digits: int) -> str:
    parts = []
    for column, out in zip(table.T, outs, strict=True):
        moves = [
            f"{value:+.{digits}g} per {name}"
            for value, name in zip(column, names, strict=True)
            if value != 0.0
        ]
        if moves:
            parts.append(f"slope of {out} changes by {', '.join(moves)}")
    return "; ".join(parts)
