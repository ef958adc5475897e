"""Among all minimum-variation linear splines through given values: fewest knots."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.univariate._sparsify_kernels import corners, pair
from splinear.univariate.spline import Spline

Vector = NDArray[np.float64]

#: Values are known to half a unit in the last place, a chord through two of them to
#: one; slopes, their products with gaps and the comparison round about as much again.
ULPS = 4.0

#: Sites nearer than this many units in the last place leave no room for a knot
#: between them: its rounding would break the spline by over 1e-6 of its kinks.
ROOM = 2.0**20


def fewest_knots(
    x: Any,
    values: Any,
    domain: tuple[float, float] | None = None,
    *,
    tol: float | None = None,
) -> Spline:
    """Return the linear spline through the points that has the fewest knots.

    The broken line through the points bends at the data. Its nonzero kinks form runs:
    neighbouring sites, one sign. In a run the kinks are joined two by two at their
    barycentre, an odd one stays: ``sum(ceil(length / 2))`` knots. No linear spline
    through the points, of any variation, has fewer: a nonzero second difference at
    x_i takes a kink of its sign in (x_{i-1}, x_{i+1}), and taking every second index
    of each run gives that many distinct kinks. The variation is unchanged, and least
    possible. Linear time.

    Parameters
    ----------
    x : (n,) array, n >= 1
        Strictly increasing sites, taken as exact.
    values : (n,) array
        Values to interpolate.
    domain : (float, float), optional
        Domain of the result, by default first and last site.
    tol : float, >= 0, optional
        A site is no kink if the chord around it passes within `tol` of its value. By
        default four units in the last place of the largest value near it: values are
        rounded to half a unit, a chord through rounded values is known to one, and
        evaluating it rounds as much again. Give `tol` when the values carry more
        error than rounding, or the sites do (a grid of step 0.1 far from zero).

    Returns
    -------
    Spline
        Order 2. Its pieces pass through the points, to the rounding of the values
        that the function takes beside them (a joined knot may overshoot the data). At
        a joined knot t, which is rounded, pieces meet to ``|jump| * ulp(t) / 2``.

    Raises
    ------
    ValueError
        If the sites do not increase strictly or an entry is not finite.

    Notes
    -----
    Sites less than 2**20 units in the last place apart are not joined: no double
    between them is near enough to the barycentre.

    Examples
    --------
    >>> f = fewest_knots([0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 1.0, 3.0])
    >>> f.knots, f.variation
    (array([1.5]), 2.0)
    """
    line = broken_line(x, values, domain, tol=tol)
    return _join(line, np.searchsorted(np.asarray(x, dtype=np.float64), line.knots))


def broken_line(
    x: Any,
    values: Any,
    domain: tuple[float, float] | None = None,
    *,
    tol: float | None = None,
) -> Spline:
    """Join the points by lines; knots at the sites with a nonzero kink only.

    Parameters, errors and what counts as zero as in `fewest_knots`.

    Examples
    --------
    >>> broken_line([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 0.0]).knots
    array([2.])
    """
    x, values, bands = _checked(x, values, tol)
    domain = (float(x[0]), float(x[-1])) if domain is None else domain
    if x.size == 1:
        constant = np.array([[values[0]], [0.0]])
        return Spline(2, np.empty(0), constant, float(x[0]), domain)
    at = corners(x, values, bands)
    x, values = x[at], values[at]
    slopes = np.diff(values) / np.diff(x)
    pieces = np.stack([values[:-1], slopes])
    line = Spline(2, x[1:-1], pieces, float(x[0]), domain)
    return _drop(line, line.jumps != 0.0)


def sparsify(spline: Spline, sites: Any) -> Spline:
    """Return a spline with the values of `spline` at `sites` and the fewest knots.

    Knots of one sign at neighbouring sites are joined two by two; what holds for
    `fewest_knots` holds here. A knot that lies at no site stays and separates runs.

    Parameters
    ----------
    spline : Spline
        Of order 2.
    sites : (n,) array
        Strictly increasing; usually the data, at which the knots lie.

    Returns
    -------
    Spline
        With the variation of `spline`.

    Raises
    ------
    ValueError
        If the order is not 2 or the sites do not increase strictly.

    Examples
    --------
    >>> f = Spline.from_jumps(2, [1.0, 2.0], [1.0, 1.0], [0.0, 0.0], 0.0, (0.0, 3.0))
    >>> g = sparsify(f, [0.0, 1.0, 2.0, 3.0])
    >>> g.knots, g.jumps
    (array([1.5]), array([2.]))
    """
    if spline.order != 2:
        raise ValueError(f"spline must have order 2; got order {spline.order}")
    sites = check_vector("sites", sites)
    if np.any(sites[1:] <= sites[:-1]):
        raise ValueError("sites must increase strictly: sort and merge ties first")
    bent = _drop(spline, spline.jumps != 0.0)
    if sites.size == 0 or bent.knots.size == 0:
        return bent
    place = np.searchsorted(sites, bent.knots)
    found = sites[np.minimum(place, sites.size - 1)] == bent.knots
    return _join(bent, np.where(found, place, -1))


def is_unique(x: Any, values: Any, *, tol: float | None = None) -> bool:
    """Whether one linear spline alone has the least variation through the points.

    It is, exactly if no two neighbouring sites carry nonzero kinks of one sign: two
    such kinks may be joined, wholly or in part. One point never suffices. Parameters
    as in `fewest_knots`.

    Examples
    --------
    >>> is_unique([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    True
    >>> is_unique([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 1.0, 0.0])
    False
    """
    x, values, bands = _checked(x, values, tol)
    if x.size == 1:
        return False
    at = corners(x, values, bands)
    signs = np.sign(np.diff(np.diff(values[at]) / np.diff(x[at])))
    inner = at[1:-1]
    return not np.any((np.diff(inner) == 1) & (signs[1:] == signs[:-1]))


def _checked(x: Any, values: Any, tol: float | None) -> tuple[Vector, Vector, Vector]:
    x = check_vector("x", x)
    values = check_vector("values", values, size=x.size)
    if x.size == 0:
        raise ValueError("x must hold at least one site; got none")
    if np.any(x[1:] <= x[:-1]):
        raise ValueError("x must increase strictly: sort it and merge ties first")
    if tol is not None:
        return x, values, np.full(x.size, check_scalar("tol", tol, low=0.0))
    size = np.abs(values)
    near = size.copy()
    np.maximum(near[1:], size[:-1], out=near[1:])
    np.maximum(near[:-1], size[1:], out=near[:-1])
    return x, values, ULPS * np.spacing(near)


def _drop(spline: Spline, keep: NDArray[np.bool_]) -> Spline:
    if keep.all():
        return spline
    # A knot without a jump goes; the piece it begins continues the one before.
    pieces = spline.coefficients[:, np.concatenate(([True], keep))]
    return Spline(2, spline.knots[keep], pieces, spline.origin, spline.domain)


def _join(spline: Spline, site: NDArray[np.int64]) -> Spline:
    knots, jumps = spline.knots, spline.jumps
    if knots.size < 2:
        return spline
    room = ROOM * float(np.spacing(max(abs(knots[0]), abs(knots[-1]))))
    first, spots = pair(knots, jumps, site, room)
    # The piece between the two knots goes; the one after it begins at the new knot
    # and still passes through its old anchor, so the sites keep their values.
    second = np.concatenate(([False], first[:-1]))
    anchors = spots.copy()
    anchors[second] = spots[:-1][first[:-1]]
    coefficients = spline.coefficients.copy()
    coefficients[0, 1:] += coefficients[1, 1:] * (anchors - knots)
    keep = ~first
    pieces = coefficients[:, np.concatenate(([True], keep))]
    return Spline(2, anchors[keep], pieces, spline.origin, spline.domain)
