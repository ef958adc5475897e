"""Pictures of realisations."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from splinear.processes._points import check_count
from splinear.processes.domain import CenteredBox
from splinear.processes.network import RandomReLUNetwork

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


def plot_realisation(
    network: RandomReLUNetwork,
    ax: "Axes | None" = None,
    *,
    kind: Literal["gradient", "value", "surface"] = "gradient",
    pixels: int = 256,
) -> "Axes":
    """Draw a realisation of one or two columns.

    One column gives a curve. Two give a view from above, coloured by the norm of the
    gradient as in the published figures or by the value, or a surface; a ball is drawn
    on the largest square inside.

    Parameters
    ----------
    network : RandomReLUNetwork
        d = 1 or 2.
    ax : matplotlib Axes, optional
        Where to draw; for a surface one with ``projection="3d"``. A new figure by
        default.
    kind : {"gradient", "value", "surface"}
        For two columns.
    pixels : int, >= 2
        Points along each side.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are more columns, or `kind` is unknown.
    """
    pixels = check_count("pixels", pixels, low=2)
    if network.dim > 2:
        raise ValueError(
            f"realisations of one or two columns are drawn; this one has {network.dim}"
        )
    if kind not in ("gradient", "value", "surface"):
        raise ValueError(f"kind must be 'gradient', 'value' or 'surface'; got {kind!r}")
    ax = _new_axes(network.dim == 2 and kind == "surface") if ax is None else ax
    half = _half_widths(network)
    if network.dim == 1:
        x = np.linspace(-half[0], half[0], 4 * pixels)
        ax.plot(x, network(x), linewidth=1.0)
        return ax
    grid, sides = square_grid(half, pixels)
    if kind == "surface":
        surface: Any = ax
        Z = network(grid).reshape(pixels, pixels)
        x, y = np.meshgrid(*sides)
        surface.plot_surface(x, y, Z, cmap="Blues", rcount=100, ccount=100)
        return ax
    _view_from_above(network, ax, kind, grid, half)
    return ax


def square_grid(half: Array, pixels: int) -> tuple[Array, list[Array]]:
    """Return the points of a grid in rows, x fastest, and the grid's sides.

    Parameters
    ----------
    half : (2,) array
        Half the sides.
    pixels : int
        Points along each side.
    """
    sides = [np.linspace(-h, h, pixels) for h in half]
    return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2), sides


def _view_from_above(
    network: RandomReLUNetwork, ax: "Axes", kind: str, grid: Array, half: Array
) -> None:
    slopes = kind == "gradient"
    shown = np.linalg.norm(network.gradient(grid), axis=1) if slopes else network(grid)
    side = round(len(grid) ** 0.5)
    image = ax.imshow(
        shown.reshape(side, side),
        origin="lower",
        extent=(-half[0], half[0], -half[1], half[1]),
        cmap="Blues" if slopes else "RdBu",
        interpolation="nearest",
    )
    ax.figure.colorbar(image, ax=ax, label="|grad s|" if slopes else "s", shrink=0.8)


def _half_widths(network: RandomReLUNetwork) -> Array:
    if isinstance(network.domain, CenteredBox):
        return network.domain.half_widths
    d = network.dim
    return np.full(d, network.domain.outer_radius(d) / np.sqrt(d) * (1.0 - 1e-12))


def _new_axes(surface: bool) -> "Axes":
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    return figure.add_subplot(projection="3d" if surface else None)
