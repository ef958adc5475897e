"""What the arguments of a network must be, said in words when they are not."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.shallow import _polynomial as polynomial
from splinear.shallow.atoms import AtomFamily

if TYPE_CHECKING:
    from splinear.shallow.net import ShallowNet

Array = NDArray[np.float64]

RECORD, VERSION = "ShallowNet", 1
_FIELDS = ("directions", "offsets", "coef", "skip", "intercept")

#: Lengths of directions may differ from one by this much: dozens of roundings.
_UNIT = 1e-10


def matrix(name: str, value: Any, rows: int | None, columns: int | None) -> Array:
    """Check a table; an empty list is a table of no rows."""
    array = np.asarray(value)
    if array.size == 0:
        array = array.astype(np.float64)
    if array.shape == (0,) and columns is not None:
        array = array.reshape(0, columns)
    if array.ndim == 1 and columns in (None, 1):
        array = array[:, None]
    wanted = f"({_side(rows)}, {_side(columns)})"
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape {wanted}; got {array.shape}")
    if (rows is not None and len(array) != rows) or (
        columns is not None and array.shape[1] != columns
    ):
        raise ValueError(f"{name} must have shape {wanted}; got {array.shape}")
    return check_vector(name, array.ravel()).reshape(array.shape)


def _side(size: int | None) -> str:
    return "any" if size is None else str(size)


def _vector(name: str, value: Any, size: int | None = None) -> Array:
    array = np.asarray(value)
    if array.ndim == 0:
        array = array[None]
    return check_vector(name, array if array.size else np.empty(0), size=size)


def net_fields(net: "ShallowNet", atoms: AtomFamily) -> dict[str, Array]:
    offsets = _vector("offsets", net.offsets)
    directions = np.asarray(net.directions)
    if directions.ndim != 2:
        raise ValueError(
            f"directions must have shape (K, d), (0, d) without neurons; "
            f"got {directions.shape}"
        )
    d = directions.shape[1]
    directions = matrix("directions", directions, offsets.size, d)
    refuse_other_lengths(directions)
    intercept = _vector("intercept", net.intercept)
    D = intercept.size
    rows = len(polynomial.exponents(d, atoms.skip_degree))
    return {
        "directions": directions,
        "offsets": offsets,
        "coef": matrix("coef", net.coef, offsets.size, D),
        "skip": matrix("skip", net.skip, rows, D),
        "intercept": intercept,
    }


def refuse_other_lengths(directions: Array) -> None:
    lengths = np.linalg.norm(directions, axis=1)
    bad = np.flatnonzero(~(np.abs(lengths - 1.0) <= _UNIT))
    if bad.size:
        raise ValueError(
            f"directions must be of unit length; row {bad[0]} has length "
            f"{lengths[bad[0]]}: use ShallowNet.from_neurons for weights of any length"
        )


def neurons(weights: Any, biases: Any, outer: Any) -> tuple[Array, Array, Array]:
    b = _vector("biases", biases)
    w = np.asarray(weights)
    if w.ndim != 2:
        raise ValueError(f"weights must have shape (K, d); got {w.shape}")
    w = matrix("weights", w, b.size, w.shape[1])
    v = np.asarray(outer)
    v = matrix("outer", v, b.size, v.shape[1] if v.ndim == 2 else 1)
    return w, b, v


def inputs(X: Any, d: int) -> Any:
    """Check shape and kind of X without a copy; entries are checked block by block."""
    if hasattr(X, "tocsr"):
        raise TypeError("X must be a dense array; got a sparse matrix: use X.toarray()")
    X = np.asarray(X)
    if X.ndim == 1 and d == 1:
        X = X[:, None]
    if X.ndim != 2 or X.shape[1] != d:
        raise ValueError(f"X must have shape (N, {d}); got {X.shape}")
    if X.dtype.kind not in "fiubO":
        raise TypeError(f"X must hold real numbers; got dtype {X.dtype}")
    return X


def finite_rows(block: Any, start: int) -> Array:
    try:
        block = np.ascontiguousarray(block, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"X must hold real numbers; {error}") from error
    with np.errstate(all="ignore"):
        total = float(np.sum(block))
    if not np.isfinite(total):
        bad = np.argwhere(~np.isfinite(block))
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"X must be finite; got {block[row, column]} in row {start + row}, "
                f"column {column}: drop or fill it first"
            )
    return block


def units(center: Any, scale: Any, size: int) -> tuple[Array, Array]:
    center = check_vector("center", np.broadcast_to(np.asarray(center), size), size)
    scale = check_vector("scale", np.broadcast_to(np.asarray(scale), size), size)
    if np.any(scale <= 0.0):
        raise ValueError(f"scale must be positive; got {scale.min()}")
    return center, scale


def norms(coef: Array, coupling: str) -> Array:  # (K, D) -> (K,)
    if coupling == "joint":
        return np.linalg.norm(coef, axis=1)
    if coupling == "independent":
        return np.sum(np.abs(coef), axis=1)
    raise ValueError(f"coupling must be 'joint' or 'independent'; got {coupling!r}")


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def write_record(net: "ShallowNet") -> dict[str, Any]:
    sizes = {"n_inputs": net.n_inputs, "n_outputs": net.n_outputs}
    fields = {name: getattr(net, name).tolist() for name in _FIELDS}
    kind = {"order": net.order, "activation": net.activation}
    return {"type": RECORD, "version": VERSION, **kind, **sizes, **fields}


def read_record(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict) or record.get("type") != RECORD:
        kind = record.get("type") if isinstance(record, dict) else type(record).__name__
        raise ValueError(f"record must be of type {RECORD!r}; got {kind!r}")
    version = record.get("version")
    if version != VERSION:
        raise ValueError(
            f"record must be of version {VERSION}; got {version!r}: read it with the "
            "release that wrote it, or a newer one"
        )
    wanted = ("order", "activation", "n_inputs", "n_outputs", *_FIELDS)
    missing = [name for name in wanted if name not in record]
    if missing:
        raise ValueError(f"record must have {', '.join(wanted)}; {missing} missing")
    d = int(check_scalar("n_inputs", record["n_inputs"], low=0))
    D = int(check_scalar("n_outputs", record["n_outputs"], low=1))
    fields = {name: record[name] for name in _FIELDS}
    # Lists of no rows have lost their number of columns.
    fields["directions"] = matrix("directions", fields["directions"], None, d)
    fields["coef"] = matrix("coef", fields["coef"], None, D)
    fields["skip"] = matrix("skip", fields["skip"], None, D)
    return {**fields, "order": record["order"], "activation": record["activation"]}
