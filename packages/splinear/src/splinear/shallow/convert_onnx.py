"""Networks to and from ONNX; onnx is imported when a function is called."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.shallow.net import ShallowNet
from splinear.shallow.printout import _as_relu

Array = NDArray[np.float64]


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "onnx must be installed for this conversion: pip install onnx"
        ) from error
    return onnx


def to_onnx(
    net: ShallowNet, path: str | Path | None = None, dtype: str = "float32"
) -> Any:
    """Return the function as an ONNX model of Gemm, Relu and Add only.

    Parameters
    ----------
    net : ShallowNet
        Of order 2.
    path : str or Path, optional
        File to write as well.
    dtype : {"float32", "float64"}
        Of input "X" (N, d), output "f" (N, D) and parameters.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ValueError
        If the order is not 2 or `dtype` is neither.
    ImportError
        If onnx is not installed.
    """
    if net.order != 2:
        raise ValueError(f"net must be of order 2 for ONNX; got {net.order}")
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype must be 'float64' or 'float32'; got {dtype!r}")
    onnx, net = _onnx(), _as_relu(net)
    helper = onnx.helper
    kind = onnx.TensorProto.DOUBLE if dtype == "float64" else onnx.TensorProto.FLOAT
    parameters = {
        "U": net.directions,
        "minus_t": -net.offsets,
        "A": net.coef,
        "C": net.skip,
        "c0": net.intercept,
    }
    nodes = [helper.make_node("Gemm", ["X", "C", "c0"], ["affine"])]
    if net.n_neurons:
        nodes += [
            helper.make_node("Gemm", ["X", "U", "minus_t"], ["z"], transB=1),
            helper.make_node("Relu", ["z"], ["h"]),
            helper.make_node("Gemm", ["h", "A"], ["kinks"]),
            helper.make_node("Add", ["kinks", "affine"], ["f"]),
        ]
    else:
        nodes[0].output[0] = "f"
    used = {name for node in nodes for name in node.input}
    initial = [
        onnx.numpy_helper.from_array(value.astype(dtype), name)
        for name, value in parameters.items()
        if name in used
    ]
    ends = [
        [helper.make_tensor_value_info(name, kind, ["N", size])]
        for name, size in (("X", net.n_inputs), ("f", net.n_outputs))
    ]
    graph = helper.make_graph(nodes, "ShallowNet", *ends, initializer=initial)
    # Old enough for every runtime in use.
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    if path is not None:
        onnx.save(model, str(path))
    return model


def from_onnx(model: Any) -> ShallowNet:
    """Read a model of Gemm, MatMul, Add and one layer of Relu.

    Parameters
    ----------
    model : onnx.ModelProto, str or Path
        One input (N, d), one output (N, D).

    Returns
    -------
    ShallowNet

    Raises
    ------
    ValueError
        If the model has other operations or several layers of Relu.
    ImportError
        If onnx is not installed.
    """
    onnx = _onnx()
    if isinstance(model, str | Path):
        model = onnx.load(str(model))
    graph = model.graph
    constants = {
        entry.name: onnx.numpy_helper.to_array(entry).astype(np.float64)
        for entry in graph.initializer
    }
    source = next(entry for entry in graph.input if entry.name not in constants)
    d = source.type.tensor_type.shape.dim[-1].dim_value
    # A tensor is a matrix on (neurons, x, 1): (K, .), (d, .) and (.,).
    start = np.zeros((0, d)), np.eye(d), np.zeros(d)
    known: dict[str, Any] = {source.name: start}
    hidden: list[tuple[Array, Array]] = []
    for node in graph.node:
        known[node.output[0]] = _apply(onnx, node, known, constants, hidden)
    outer, skip, intercept = known[graph.output[0].name]
    weights, biases = hidden[0] if hidden else (np.zeros((0, d)), np.zeros(0))
    outer = np.zeros((len(biases), len(intercept))) if len(outer) == 0 else outer
    return ShallowNet.from_neurons(weights, biases, outer, skip, intercept)


def _apply(onnx: Any, node: Any, known: Any, constants: Any, hidden: Any) -> Any:
    options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Relu":
        outer, weights, constant = known[node.input[0]]
        if hidden or outer.any():
            raise ValueError("model must have one layer of Relu; got several")
        hidden.append((weights.T, -constant))
        K = len(constant)
        return np.eye(K), np.zeros((len(weights), K)), np.zeros(K)
    if node.op_type not in ("Gemm", "MatMul", "Add"):
        raise ValueError(
            f"model must hold Gemm, MatMul, Add and Relu only; got {node.op_type}"
        )
    if node.op_type == "Add":
        return _add(*(_value(name, known, constants) for name in node.input))
    if options.get("transA", 0) or node.input[0] not in known:
        raise ValueError("model must multiply its input from the right")
    matrix = constants[node.input[1]] * options.get("alpha", 1.0)
    matrix = matrix.T if options.get("transB", 0) else matrix
    result = tuple(part @ matrix for part in known[node.input[0]])
    if len(node.input) > 2 and node.input[2]:
        shift = constants[node.input[2]] * options.get("beta", 1.0)
        return _add(result, shift)
    return result


def _value(name: str, known: Any, constants: Any) -> Any:
    return known[name] if name in known else constants[name]


def _add(first: Any, second: Any) -> Any:
    if not isinstance(first, tuple):
        first, second = second, first
    if not isinstance(second, tuple):
        shift = np.broadcast_to(np.ravel(second), first[2].shape)
        return first[0], first[1], first[2] + shift
    outers = [part[0] for part in (first, second) if len(part[0])]
    outer = sum(outers[1:], outers[0]) if outers else first[0]
    return outer, first[1] + second[1], first[2] + second[2]
