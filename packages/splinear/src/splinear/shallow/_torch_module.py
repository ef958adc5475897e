"""The torch side of conversions: imported only where torch is used."""

import math
from typing import Any

import torch
from torch import nn


class ShallowModule(nn.Module):
    """``outer(rho(hidden(x))) + skip(x)``; a plain module, to train on or to export."""

    def __init__(self, d: int, K: int, D: int, order: int, activation: str, **kind):
        super().__init__()
        self.order, self.activation = order, activation
        # Without drawing initial weights: that would move torch's global stream.
        new = nn.utils.skip_init
        self.hidden = new(nn.Linear, d, K, **kind)
        self.outer = new(nn.Linear, K, D, bias=False, **kind)
        self.skip = new(nn.Linear, d, D, **kind)
        self.factorial = float(math.factorial(order - 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.hidden(x)
        if self.activation == "absolute":
            z = z.abs()
        else:
            z = z.relu()
            if self.order > 2:
                z = z ** (self.order - 1) / self.factorial
        return self.outer(z) + self.skip(x)


def build(net, dtype: str) -> ShallowModule:
    kind = {"dtype": getattr(torch, dtype)}
    sizes = (net.n_inputs, net.n_neurons, net.n_outputs)
    module = ShallowModule(*sizes, net.order, net.activation, **kind)
    pairs = (
        (module.hidden.weight, net.directions),
        (module.hidden.bias, -net.offsets),
        (module.outer.weight, net.coef.T),
        (module.skip.weight, net.skip.T),
        (module.skip.bias, net.intercept),
    )
    with torch.no_grad():
        for parameter, value in pairs:
            _fill(parameter, value)
    return module


def _fill(parameter: Any, value) -> None:
    parameter.copy_(torch.from_numpy(value.copy()))


def array(parameter):
    return parameter.detach().cpu().double().numpy()


def fields(module):
    """Weights, biases, outer, skip, intercept, order, activation of a module."""
    if isinstance(module, ShallowModule):
        hidden, outer, skip = module.hidden, module.outer, module.skip
        tail = (array(skip.weight).T, array(skip.bias))
        return (*_layers(hidden, outer), *tail, module.order, module.activation)
    layers = list(module.children()) if isinstance(module, nn.Sequential) else []
    # Without effect on a vector in evaluation.
    idle = (nn.Flatten, nn.Identity, nn.Dropout)
    layers = [layer for layer in layers if not isinstance(layer, idle)]
    kinds = [type(layer) for layer in layers]
    if kinds != [nn.Linear, nn.ReLU, nn.Linear]:
        names = ", ".join(kind.__name__ for kind in kinds) or type(module).__name__
        raise ValueError(
            "module must be nn.Sequential(Linear, ReLU, Linear) or a result of "
            f"to_torch; got {names}"
        )
    bias = layers[2].bias
    intercept = None if bias is None else array(bias)
    return (*_layers(layers[0], layers[2]), None, intercept, 2, "relu")


def _layers(hidden, outer):
    w, v = array(hidden.weight), array(outer.weight).T
    b = w[:, :1].ravel() * 0.0 if hidden.bias is None else -array(hidden.bias)
    return w, b, v
