"""Fitted estimators as JSON: readable, versioned, exact to the last bit."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from splinear.core.certificate import Certificate
from splinear.core.records import plain, read_record, write_record
from splinear.core.status import Status
from splinear.univariate.estimators import (
    AdaptiveSplineClassifier,
    AdaptiveSplineRegressor,
    AdaptiveSplineRegressorCV,
)
from splinear.univariate.green import GreenSpline
from splinear.univariate.periodic import PeriodicSpline
from splinear.univariate.spline import Spline

FORMAT, VERSION = "splinear-model", 1

_ESTIMATORS = {
    kind.__name__: kind
    for kind in (
        AdaptiveSplineClassifier,
        AdaptiveSplineRegressor,
        AdaptiveSplineRegressorCV,
    )
}
_FUNCTIONS: dict[str, Any] = {
    kind.__name__: kind for kind in (Spline, PeriodicSpline, GreenSpline)
}
#: Attributes that are numbers, words, or arrays of them.
_PLAIN = ("alpha_", "alpha_max_", "objective_", "n_iter_", "how_", "x_kind_")
_ARRAYS = ("alphas_", "mse_path_", "calibration_scores_", "classes_")


def save_model(
    estimator: Any, path: str | Path, *, x: str | None = None, y: str = "y"
) -> None:
    """Write a fitted estimator as JSON.

    Holds parameters, functions, column names, kind of x, alpha, certificate and
    calibration, but no data: a loaded model predicts, and `plot_fit` draws it with X, y.

    Parameters
    ----------
    estimator : AdaptiveSplineRegressor, AdaptiveSplineRegressorCV or AdaptiveSplineClassifier
        Fitted.
    path : str or Path
        File to write; an existing one is replaced.
    x, y : str, optional
        Names of the columns, for whoever reads the file; a frame's own name of x is
        kept by default.

    Raises
    ------
    TypeError
        If the estimator is of another class, or a parameter is no plain value.
    """
    record = model_to_dict(estimator, x=x, y=y)
    write_record(record, path)


def load_model(path: str | Path) -> Any:
    """Read an estimator that `save_model` wrote; its predictions are the same bits.

    Parameters
    ----------
    path : str or Path
        A file of `save_model`.

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
        return model_from_dict(record)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def model_to_dict(
    estimator: Any, *, x: str | None = None, y: str = "y"
) -> dict[str, Any]:
    """Return the record that `save_model` writes.

    Raises
    ------
    TypeError
        If the estimator is of another class, or a parameter is no plain value.
    """
    kind = type(estimator).__name__
    if kind not in _ESTIMATORS:
        raise TypeError(f"estimator must be one of {tuple(_ESTIMATORS)}; got {kind}")
    functions = estimator._functions()
    names = getattr(estimator, "feature_names_in_", None)
    fitted = {name: plain(name, getattr(estimator, name)) for name in _PLAIN}
    arrays = {
        n: _array(getattr(estimator, n)) for n in _ARRAYS if hasattr(estimator, n)
    }
    return {
        "format": FORMAT,
        "version": VERSION,
        "estimator": kind,
        "columns": {
            "x": x if names is None else str(names[0]),
            "y": y,
            "in_frame": names is not None,
            "x_kind": estimator.x_kind_,
        },
        "parameters": {
            name: plain(name, value) for name, value in estimator.get_params().items()
        },
        "functions": [
            {"kind": type(function).__name__, "record": function.to_dict()}
            for function in functions
        ],
        "certificates": [
            asdict(certificate) for certificate in _certificates(estimator)
        ],
        "status": estimator.status_.name,
        "fitted": fitted,
        "arrays": arrays,
        "separable": getattr(estimator, "separable_", None),
    }


def _certificates(estimator: Any) -> list[Certificate]:
    return getattr(estimator, "certificates_", [estimator.certificate_])


def _array(values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    return {"dtype": "object" if array.dtype.kind == "O" else array.dtype.str,
            "values": plain("an array", array)}  # fmt: skip


def model_from_dict(record: Any) -> Any:
    """Build the estimator from its record.

    Raises
    ------
    ValueError
        If the record is no model, of an unknown version, or incomplete.
    """
    _check_header(record)
    try:
        estimator = _ESTIMATORS[record["estimator"]](**record["parameters"])
        _restore(estimator, record)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the model record is damaged ({type(error).__name__}: {error}): fit and "
            "save it again"
        ) from error
    return estimator


def _check_header(record: Any) -> None:
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"a record of format {FORMAT!r} was expected; got another one")
    if record.get("version") != VERSION:
        raise ValueError(
            f"version {VERSION} of the model format was expected; got "
            f"{record.get('version')!r}: it was written by another release of splinear"
        )
    if record.get("estimator") not in _ESTIMATORS:
        raise ValueError(
            f"estimator must be one of {tuple(_ESTIMATORS)}; got "
            f"{record.get('estimator')!r}"
        )


def _restore(estimator: Any, record: dict[str, Any]) -> None:
    functions = [
        _FUNCTIONS[entry["kind"]].from_dict(entry["record"])
        for entry in record["functions"]
    ]
    certificates = [Certificate(**entry) for entry in record["certificates"]]
    estimator.spline_ = functions[0]
    estimator.certificate_ = max(certificates, key=lambda c: c.relative_gap)
    estimator.status_ = Status[record["status"]]
    estimator.n_features_in_ = 1
    estimator.columns_ = record["columns"]
    if record["columns"]["in_frame"]:
        estimator.feature_names_in_ = np.array([record["columns"]["x"]], dtype=object)
    for name in _PLAIN:
        value = record["fitted"][name]
        setattr(estimator, name, np.array(value) if isinstance(value, list) else value)
    for name, entry in record["arrays"].items():
        if name in _ARRAYS:
            values = np.array(entry["values"], dtype=np.dtype(entry["dtype"]))
            setattr(estimator, name, values)
    if isinstance(estimator, AdaptiveSplineClassifier):
        estimator.splines_, estimator.certificates_ = functions, certificates
        estimator.separable_ = record["separable"]
