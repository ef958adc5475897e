"""Linear torch networks as factorisations; torch is imported when it is called."""

from typing import TYPE_CHECKING, Any

from splinear.factorization.deep import DeepMatrixFactorization

if TYPE_CHECKING:
    from torch import nn


def from_torch(
    model: "nn.Module",
    target: Any = None,
    *,
    weight_decay: float = 0.0,
    loss_scale: float = 1.0,
    inputs: Any = None,
) -> DeepMatrixFactorization:
    """Read ``nn.Sequential`` of ``nn.Linear`` layers without bias.

    Parameters
    ----------
    model : torch.nn.Module
        On any device, of any precision; numbers become float64.
    target, weight_decay, loss_scale, inputs
        As of `DeepMatrixFactorization`. Data have one column for each sample there, one
        row in torch: transpose them. ``MSELoss`` is ``loss_scale = 1 / (N d_L)``, and
        the `weight_decay` of torch's SGD is twice the one here.

    Returns
    -------
    DeepMatrixFactorization

    Raises
    ------
    ValueError
        If the model has other layers, or biases.
    ImportError
        If torch is not installed.
    """
    try:
        from torch import nn
    except ImportError as error:
        raise ImportError(
            "torch must be installed for this conversion: pip install 'splinear[torch]'"
        ) from error
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"model must be nn.Sequential; got {type(model).__name__}")
    for name, layer in model.named_children():
        if not isinstance(layer, nn.Linear):
            raise ValueError(
                f"model must consist of nn.Linear; layer {name} is "
                f"{type(layer).__name__}: the formulas are of linear networks"
            )
        if layer.bias is not None:
            raise ValueError(
                f"layer {name} of model has a bias, which a product of matrices has not: "
                "build it with bias=False"
            )
    weights = [W.detach().cpu().double().numpy() for W in model.parameters()]
    return DeepMatrixFactorization(
        weights,
        target,
        weight_decay=weight_decay,
        loss_scale=loss_scale,
        inputs=inputs,
    )
