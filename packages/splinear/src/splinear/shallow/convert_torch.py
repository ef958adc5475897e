"""Networks to and from torch; torch is imported when a function is called."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from splinear.shallow import _polynomial as polynomial
from splinear.shallow.atoms import family
from splinear.shallow.net import ShallowNet

if TYPE_CHECKING:
    from torch import nn


def _side() -> Any:
    try:
        from splinear.shallow import _torch_module
    except ImportError as error:
        raise ImportError(
            "torch must be installed for this conversion: pip install 'splinear[torch]'"
        ) from error
    return _torch_module


def to_torch(net: ShallowNet, dtype: str = "float64") -> "nn.Module":
    """Return a torch module of the same function.

    Its layers are `hidden` (unit rows), `outer` and `skip`. In float64 the parameters
    are the same bits; outputs agree up to the order in which products are added.

    Parameters
    ----------
    net : ShallowNet
        For an order above 2 its skip connection must be affine.
    dtype : {"float64", "float32"}
        Of the parameters.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If `dtype` is neither or the skip connection is no affine function.
    ImportError
        If torch is not installed.
    """
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype must be 'float64' or 'float32'; got {dtype!r}")
    if net.skip[net.n_inputs :].any():
        raise ValueError(
            "net must have an affine skip connection for torch; got a polynomial of "
            f"degree {net.atoms.skip_degree}"
        )
    if net.order > 2:
        affine = replace(net, skip=net.skip[: net.n_inputs], order=2, activation="relu")
        module = _side().build(affine, dtype)
        module.order, module.activation = net.order, net.activation
        module.factorial = float(math.factorial(net.order - 1))
        return module
    return _side().build(net, dtype)


def from_torch(module: "nn.Module") -> ShallowNet:
    """Read a module of `to_torch` or ``nn.Sequential(Linear, ReLU, Linear)``.

    Dropout, Flatten and Identity between the layers are passed over.

    Parameters
    ----------
    module : torch.nn.Module
        On any device, of any precision.

    Returns
    -------
    ShallowNet

    Raises
    ------
    ValueError
        If the module has other layers.
    ImportError
        If torch is not installed.
    """
    w, b, v, skip, intercept, order, activation = _side().fields(module)
    if order > 2:  # the module holds the affine part only
        degree = family(activation, order).skip_degree
        table = np.zeros((len(polynomial.exponents(w.shape[1], degree)), v.shape[1]))
        table[: w.shape[1]] = skip
        skip = table
    return ShallowNet.from_neurons(
        w, b, v, skip, intercept, order=order, activation=activation
    )
