"""``splinear sharpness factors.npz``: how sharp a minimum of a linear network is."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from splinear.factorization import DeepMatrixFactorization

METHODS = {
    "closed_form": "in closed form",
    "gram": "from J J^T",
    "hvp_lanczos": "by Lanczos on Hessian-vector products",
    "dense": "from the whole Hessian",
}


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sharpness",
        help="largest Hessian eigenvalue of deep matrix factorisation",
        description="Sharpness of c |W_L ... W_1 - M|^2 at layers W_1, ..., W_L, with "
        "its certificate, beside that of the flattest minimum with the same product.",
    )
    parser.add_argument(
        "factors", help="an .npz file with the layers, first layer first"
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        metavar="NAME",
        help="arrays of the file that are the layers, in order (default: all, in the "
        "order of the file)",
    )
    parser.add_argument(
        "--target",
        metavar="M",
        help="an .npy file, or the name of an array in the file (default: the product)",
    )
    parser.add_argument(
        "--loss-scale",
        type=float,
        default=1.0,
        metavar="C",
        help="factor of the squared error: 0.5 for half of it (default: 1)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read, compute, print."""
    from splinear.factorization import DeepMatrixFactorization

    weights, target = read(args)
    net = DeepMatrixFactorization(weights, target, loss_scale=args.loss_scale)
    print("\n".join(report(net)))
    return 0


def read(args: argparse.Namespace) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    """Return layers and target.

    Raises
    ------
    ValueError
        If the file is no .npz, is empty, or has no array of a given name.
    """
    arrays = read_arrays(args.factors)
    target = None
    if args.target in arrays:
        target = arrays[args.target]
    elif args.target is not None:
        target = read_target(args.target, args.factors, list(arrays))
    names = args.layers or [name for name in arrays if name != args.target]
    missing = [name for name in names if name not in arrays]
    if missing or not names:
        raise ValueError(
            f"{args.factors} has no layer {', '.join(missing) or 'at all'}; it has "
            f"{', '.join(arrays) or 'nothing'}"
        )
    return [arrays[name] for name in names], target


def read_arrays(path: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file in its order.

    Raises
    ------
    ValueError
        If it is something else.
    """
    try:
        found = np.load(path)
        if isinstance(found, np.ndarray):
            raise ValueError("it holds one array")
        with found:
            return {name: found[name] for name in found.files}
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is no .npz file of layers ({error}): write it by "
            "numpy.savez(path, W1, W2, ...)"
        ) from error


def read_target(path: str, factors: str, names: list[str]) -> NDArray[Any]:
    """Return the array of an .npy file.

    Raises
    ------
    ValueError
        If there is no such file, or it holds something else.
    """
    if not Path(path).is_file():
        raise ValueError(
            f"--target {path} is no array of {factors} (it has {', '.join(names)}) and "
            "no .npy file"
        )
    target = np.load(path)
    if not isinstance(target, np.ndarray):
        raise ValueError(f"--target {path} must be an .npy file of one array")
    return target


def report(net: "DeepMatrixFactorization") -> list[str]:
    """Return the lines of a report."""
    from splinear.factorization import flattest_sharpness
    from splinear.factorization.sharpness import fits

    found = net.sharpness()
    shapes = " x ".join(str(width) for width in reversed(net.widths))
    proof = (
        "proven up to rounding" if found.exact else "an eigenvalue, the largest found"
    )
    step = 2.0 / found.value if found.value > 0.0 else float("inf")
    lines = [
        f"{net.depth} layers, {shapes}, {net.n_parameters:,} parameters, loss scale "
        f"{net.loss_scale:g}",
        f"  residual        {np.linalg.norm(net.residual()):.6g}",
        f"  sharpness       {found.value:.12g}",
        f"  method          {METHODS[found.method]}, {proof}",
        f"  bracket         [{found.lower_bound:.12g}, {found.upper_bound:.12g}]",
        f"  eigen residual  {found.eigen_residual:.2g}",
        f"  largest step    {step:.6g}, 2 / sharpness",
    ]
    if not fits(net._chain):
        return [
            *lines,
            "  flattest        nothing to compare: the residual is not zero",
        ]
    least = flattest_sharpness(net.target, net.depth, net.loss_scale)
    gap = f"{found.value / least:.10g}" if least > 0.0 else "none: the product is zero"
    return [
        *lines,
        f"  flattest        {least:.12g}, of all layers with this product",
        f"  flatness gap    {gap}",
    ]
