"""Networks from scikit-learn's multilayer perceptrons."""

from typing import Any

import numpy as np

from splinear.shallow.net import ShallowNet


def from_sklearn(model: Any) -> ShallowNet:
    """Read a fitted MLPRegressor or MLPClassifier with one hidden ReLU layer.

    Parameters
    ----------
    model : MLPRegressor or MLPClassifier
        Fitted. Of a classifier the scores before the logistic or softmax function are
        read: one for two classes, else one for each class.

    Returns
    -------
    ShallowNet

    Raises
    ------
    TypeError
        If the model has no layers.
    ValueError
        If it has another number of layers or another activation.
    """
    if not hasattr(model, "coefs_") or not hasattr(model, "intercepts_"):
        raise TypeError(
            "model must be a fitted MLPRegressor or MLPClassifier; "
            f"got {type(model).__name__}"
        )
    if len(model.coefs_) != 2 or model.activation != "relu":
        raise ValueError(
            "model must have one hidden layer with activation 'relu'; got "
            f"{len(model.coefs_) - 1} with {model.activation!r}"
        )
    first, second = (np.asarray(w, dtype=np.float64) for w in model.coefs_)
    b, c = (np.asarray(b, dtype=np.float64) for b in model.intercepts_)
    return ShallowNet.from_neurons(first.T, -b, second, None, c)
