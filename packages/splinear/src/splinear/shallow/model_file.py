"""Fitted network estimators as JSON: readable, versioned, exact to the last bit."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from splinear.core.certificate import Certificate
from splinear.core.records import plain, read_record, write_record
from splinear.core.status import Status
from splinear.shallow.estimators import ShallowNetClassifier, ShallowNetRegressor
from splinear.shallow.net import ShallowNet

FORMAT, VERSION = "splinear-network-model", 1

_ESTIMATORS: dict[str, Any] = {
    kind.__name__: kind for kind in (ShallowNetClassifier, ShallowNetRegressor)
}
#: Fitted attributes that are numbers or words.
_PLAIN = ("alpha_", "alpha_max_", "objective_", "violation_", "n_iter_", "how_")


def save_network_model(
    model: Any, path: str | Path, *, x: list[str] | None = None, y: str = "y"
) -> None:
    """Write a fitted estimator as JSON; no data are in it.

    Parameters
    ----------
    model : ShallowNetRegressor or ShallowNetClassifier
        Fitted.
    path : str or Path
        File to write; an existing one is replaced.
    x : list of str, optional
        Names of the columns; those of the frame it was fitted on by default.
    y : str
        Name of the target.

    Raises
    ------
    TypeError
        If the estimator is of another class, or a parameter is no plain value.
    """
    record = network_model_to_dict(model, x=x, y=y)
    write_record(record, path)


def load_network_model(path: str | Path) -> Any:
    """Read what `save_network_model` wrote; predictions are the same bits.

    Parameters
    ----------
    path : str or Path
        Such a file.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If the file is no such model, or of a version that this release does not know.
    """
    record = read_record(path, "model file")
    try:
        return network_model_from_dict(record)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: the record is damaged ({type(error).__name__}: {error}): fit and "
            "save it again"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def network_model_to_dict(
    model: Any, *, x: list[str] | None = None, y: str = "y"
) -> dict[str, Any]:
    """Return the record that `save_network_model` writes.

    Raises
    ------
    TypeError
        If the estimator is of another class, or a parameter is no plain value.
    """
    kind = type(model).__name__
    if kind not in _ESTIMATORS:
        raise TypeError(f"model must be one of {tuple(_ESTIMATORS)}; got {kind}")
    names = getattr(model, "feature_names_in_", x)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "estimator": kind,
        "columns": {"x": None if names is None else [*map(str, names)], "y": y},
        "in_frame": hasattr(model, "feature_names_in_"),
        "parameters": {
            name: plain(name, value) for name, value in model.get_params().items()
        },
        "net": model._inner_net.to_dict(),
        "center": model.center_.tolist(),
        "scale": model.scale_.tolist(),
        "certificate": asdict(model.certificate_),
        "status": model.status_.name,
        "fitted": {name: plain(name, getattr(model, name)) for name in _PLAIN},
    }
    if hasattr(model, "classes_"):
        record["classes"] = model.classes_.tolist()
        record["classes_dtype"] = model.classes_.dtype.str
    else:
        record["flat"] = model._flat
    return record


def network_model_from_dict(record: Any) -> Any:
    """Build the estimator from its record.

    Raises
    ------
    ValueError
        If the record is no model or of an unknown version.
    """
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"a record of format {FORMAT!r} was expected; got another one")
    if record.get("version") != VERSION:
        raise ValueError(
            f"version {VERSION} was expected; got {record.get('version')!r}: update "
            "splinear"
        )
    model = _ESTIMATORS[record["estimator"]](**record["parameters"])
    _restore(model, record)
    return model


def _restore(model: Any, record: dict[str, Any]) -> None:
    net = ShallowNet.from_dict(record["net"])
    model._inner_net = net
    model.center_, model.scale_ = np.array(record["center"]), np.array(record["scale"])
    model.net_ = net.in_units(model.center_, model.scale_, 0.0, 1.0)
    model.variation_norm_ = net.path_norm()
    model.certificate_ = Certificate(**record["certificate"])
    model.status_ = Status[record["status"]]
    model.n_features_in_ = net.n_inputs
    model.columns_ = record["columns"]
    for name in _PLAIN:
        value = record["fitted"][name]
        setattr(model, name, np.array(value) if isinstance(value, list) else value)
    if record["in_frame"]:
        model.feature_names_in_ = np.array(record["columns"]["x"], dtype=object)
    if "classes" in record:
        model.classes_ = np.array(record["classes"], dtype=record["classes_dtype"])
    else:
        model._flat = record["flat"]
