"""``splinear process sample``: draw a random ReLU process, write and picture it."""

import argparse
from typing import Any

import numpy as np

LAWS = ("gaussian", "rademacher", "stable")
KINDS = ("gradient", "value", "surface")
#: Neurons up to which regions are counted: their pairs take a second.
COUNTED = 20_000


def add(commands: Any) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "process",
        help="draw random ReLU processes",
        description="Random ReLU processes: Poisson hyperplanes with random weights.",
    )
    parser.set_defaults(run=lambda args: _help(parser))
    actions = parser.add_subparsers(dest="action", metavar="action")
    sample = actions.add_parser(
        "sample",
        help="draw one realisation, exactly",
        description=(
            "Draw one realisation around the origin and print what is known of it in "
            "closed form. A picture is drawn of one or two dimensions."
        ),
    )
    _add_process(sample.add_argument_group("process"))
    _add_output(sample.add_argument_group("output"))
    sample.set_defaults(run=run)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _add_process(group: Any) -> None:
    group.add_argument("--dim", type=int, default=2, help="number of columns")
    group.add_argument(
        "--rate", type=float, required=True, help="of hyperplanes, per unit of length"
    )
    group.add_argument("--law", choices=LAWS, default="gaussian", help="of the weights")
    group.add_argument("--alpha", type=float, help="index of --law stable, in (1, 2]")
    group.add_argument(
        "--scale",
        type=float,
        help=(
            "of the weights; rate^(-1/alpha) by default (alpha = 2 but for stable), so "
            "that pictures of all rates have one limit"
        ),
    )
    where = group.add_mutually_exclusive_group()
    where.add_argument("--radius", type=float, help="of the ball; 1 by default")
    where.add_argument("--half-width", type=float, help="of a box instead of a ball")
    group.add_argument("--seed", type=int, default=0, help="of the draw")


def _add_output(group: Any) -> None:
    group.add_argument("--out", help="write the neurons here, as npz")
    group.add_argument("--plot", help="write a picture here (png, pdf, svg)")
    group.add_argument(
        "--kind", choices=KINDS, default="gradient", help="what a 2-D picture shows"
    )
    group.add_argument("--pixels", type=int, default=400, help="along each side")


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises
    ------
    ValueError
        If the options do not make a process, or no picture can be drawn.
    """
    if args.plot and args.dim > 2:
        raise ValueError(
            f"--plot draws one or two dimensions; got --dim {args.dim}: leave it out, "
            "--out keeps the neurons"
        )
    process, domain = build(args), _domain(args)
    network = process.sample(domain, random_state=args.seed)
    print("\n".join(report(process, network)))
    if args.out:
        _write(args, network)
        print(f"neurons written to {args.out}")
    if args.plot:
        _draw(args, network)
        print(f"picture written to {args.plot}")
    return 0


def build(args: argparse.Namespace) -> Any:
    """Return the process that the options describe.

    Raises
    ------
    ValueError
        If --alpha is missing for stable weights, or given for others.
    """
    from splinear.core.checks import check_scalar
    from splinear.processes import (
        Gaussian,
        Rademacher,
        RandomReLUProcess,
        SymmetricStable,
    )

    if (args.alpha is not None) != (args.law == "stable"):
        raise ValueError(
            "--alpha is the index of --law stable: give both or neither; got "
            f"--law {args.law} and --alpha {args.alpha}"
        )
    rate = check_scalar("rate", args.rate, low=0.0, strict=True)
    index = 2.0 if args.alpha is None else args.alpha
    check_scalar("alpha", index, low=1.0, high=2.0, strict=True)
    scale = rate ** (-1.0 / index) if args.scale is None else args.scale
    law = {
        "gaussian": lambda: Gaussian(scale),
        "rademacher": lambda: Rademacher(scale),
        "stable": lambda: SymmetricStable(index, scale),
    }[args.law]()
    return RandomReLUProcess(args.dim, rate, law)


def _domain(args: argparse.Namespace) -> Any:
    from splinear.processes import CenteredBall, CenteredBox

    if args.half_width is not None:
        return CenteredBox(np.full(max(args.dim, 0), args.half_width))
    return CenteredBall(1.0 if args.radius is None else args.radius)


def report(process: Any, network: Any) -> list[str]:
    """Return the lines of a report."""
    domain, radius = network.domain, network.domain.outer_radius(process.dim)
    edge = np.zeros((1, process.dim))
    edge[0, 0] = radius
    lines = [
        f"{process.weight_law} weights at rate {process.rate:g} in dimension "
        f"{process.dim}, on {domain}",
        f"  neurons      {network.n_neurons:,}; {process.expected_width(domain):,.6g} "
        "expected",
        f"  regions      {_regions(process, network)}",
        f"  zero at      distance {radius:.4g}: with probability "
        f"{process.zero_probability(edge)[0]:.4g}",
    ]
    if process.weight_law.index == 2.0:
        spread = float(np.sqrt(process.variance(edge)[0]))
        kurtosis = float(process.excess_kurtosis(edge)[0])
        return lines + [
            f"  deviation    {spread:.6g} there, excess kurtosis {kurtosis:.4g}"
        ]
    scale = float(process.limit().scale_at(edge)[0])
    return lines + [
        f"  deviation    infinite; scale of the stable limit {scale:.6g} there"
    ]


def _regions(process: Any, network: Any) -> str:
    from splinear.processes import count_linear_regions

    expected = f"{process.expected_linear_regions(network.domain):,.6g} expected"
    if network.dim > 2 or network.n_neurons > COUNTED:
        return expected
    return f"{count_linear_regions(network):,}; {expected}"


def _write(args: argparse.Namespace, network: Any) -> None:
    half = getattr(network.domain, "half_widths", None)
    place = {"radius": network.domain.outer_radius(network.dim)}
    if half is not None:
        place = {"half_widths": half}
    with open(args.out, "wb") as file:  # savez would add an ending to a name
        np.savez(
            file,
            directions=network.directions,
            thresholds=network.thresholds,
            weights=network.weights,
            rate=args.rate,
            seed=args.seed,
            **place,
        )


def _draw(args: argparse.Namespace, network: Any) -> None:
    from splinear.processes import plot_realisation

    ax: Any = plot_realisation(network, kind=args.kind, pixels=args.pixels)
    ax.set_title(
        f"rate {args.rate:g}, {network.n_neurons:,} neurons", loc="left", fontsize=10
    )
    ax.figure.savefig(args.plot, dpi=150)
