"""Fit shallow networks: from data in the user's units to a certified network."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar
from splinear.core.iterate import iterate
from splinear.core.progress import Progress, progress_for
from splinear.core.random import generator
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.core.threads import one_blas_thread
from splinear.shallow._fit_checks import check_coupling, check_start, read_data
from splinear.shallow._outputs import each_output
from splinear.shallow._problem import Neurons, Problem
from splinear.shallow._task import Task, make_task
from splinear.shallow.atoms import AtomFamily
from splinear.shallow.exact_pricing import MAX_DIMENSION, feasible
from splinear.shallow.losses import make_net_loss
from splinear.shallow.net import ShallowNet
from splinear.shallow.search import price
from splinear.shallow.sliding import Effort, Sliding, null_neurons

Array = NDArray[np.float64]

#: Seconds that one exact pricing may take.
EXACT_SECONDS = 2.0
#: Rows times boxes that a bound may look at: some ten seconds in ten columns.
BOUND_WORK = 5e7
#: Largest |eta| that is rounding, in the units of a task.
NOISE = 1e-12


def network_alpha_max(
    X: Any,
    y: Any,
    *,
    loss: str = "squared",
    quantile: float = 0.5,
    delta: float = 1.0,
    activation: str | AtomFamily = "relu",
    order: int | None = None,
    sample_weight: Any = None,
    n_starts: int = 1024,
    random_state: Any = 0,
) -> float:
    """Return the least alpha at which the best network has no neuron.

    Exact in up to three dimensions where `fit_network` prices exactly, elsewhere the
    largest value of a search.

    Parameters
    ----------
    X, y, loss, quantile, delta, activation, order, sample_weight
        As in `fit_network`.
    n_starts : int, >= 1
        Starts of the search.
    random_state : int, Generator or RandomState
        Draws the starts.

    Examples
    --------
    XOR: ``1 / (2 sqrt2)`` over the number of rows.

    >>> X = [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    >>> round(4 * network_alpha_max(X, [0.0, 0.0, 1.0, 1.0]), 8)
    0.35355339
    """
    task = _task(X, y, loss, quantile, delta, activation, order, sample_weight)
    effort = effort_for(task.problem, "auto", n_starts)
    return alpha_max_of(task, effort, generator(random_state))


def alpha_max_of(task: Task, effort: Effort, rng: np.random.Generator) -> float:
    """Return the alpha of the user above which there is no neuron."""
    problem, null = task.problem, null_neurons(task.problem)
    with one_blas_thread():
        R = problem.residual(problem.predict(null))
        found = price(problem, R, null.U, effort.many, effort, rng)
    top = float(found.values.max(initial=0.0))
    # In the units of a task targets are of size one: less is rounding.
    return task.alpha_unit * top / problem.atoms.unit_cost if top > NOISE else 0.0


def fit_network(
    X: Any,
    y: Any,
    alpha: float,
    *,
    loss: str = "squared",
    quantile: float = 0.5,
    delta: float = 1.0,
    activation: str | AtomFamily = "relu",
    order: int | None = None,
    output_coupling: str = "joint",
    sample_weight: Any = None,
    start: ShallowNet | None = None,
    max_neurons: int | None = None,
    certificate: str = "auto",
    n_starts: int = 1024,
    tol: float = 1e-6,
    max_iter: int = 300,
    random_state: Any = 0,
    device: Any = None,
    verbose: bool | str = False,
) -> Result[ShallowNet]:
    """Fit the network of least variation: no width, no learning rate, no epochs.

    Minimises, over all widths at once [1]_,

        (1 / sum w) sum_i w_i loss(y_i, f(x_i)) + alpha * R-TV(f),

    ``f(x) = sum_k a_k rho(u_k . x - t_k) + q(x)`` with unit ``u_k``, so that the
    seminorm is ``sum_k |a_k|``; offsets and the polynomial q are free.

    Parameters
    ----------
    X : (N, d) array-like
        Finite. The seminorm is isotropic: columns should have comparable units.
    y : (N,) or (N, D) array-like
        Targets. For "logistic" numbers in [0, 1], for "multinomial" one row of D
        class probabilities each, for "poisson" counts.
    alpha : float, > 0
        Penalty, in the units of the objective per unit of R-TV.
    loss : {"squared", "huber", "quantile", "poisson", "logistic", "multinomial"}
        squared is half the square, as in scikit-learn's Lasso. f is the log-rate of
        "poisson" and the log-odds of "logistic".
    quantile : float in (0, 1)
        For "quantile".
    delta : float, > 0
        Where "huber" turns linear, in the units of y.
    activation : {"relu", "absolute", "truncated_power"} or AtomFamily
        Family of the neurons.
    order : int, optional
        m >= 2; the family's own by default.
    output_coupling : {"joint", "independent"}
        Norm of a_k: Euclidean, which keeps or drops a neuron for all outputs, or the
        sum of absolute values, which fits each output by itself.
    sample_weight : (N,) array-like, optional
        w >= 0; only ratios matter.
    start : ShallowNet, optional
        Where to start, for instance the fit at a neighbouring alpha.
    max_neurons : int, optional
        No more than so many; the certificate then says what that costs.
    certificate : {"auto", "exact", "bounded", "heuristic"}
        What a gap is to rest on: the exact supremum of eta, in up to three dimensions;
        a proven bound on it by branch and bound, for some ten seconds at the end (useful
        in up to five columns, loose above); or a search. "auto" is exact where that
        takes seconds, else heuristic.
    n_starts : int, >= 1
        Starts of the search before a gap is believed.
    tol : float, > 0
        Relative gap to reach.
    max_iter : int, >= 0
        Rounds.
    random_state : int, Generator or RandomState
        Draws the starts; the same number gives the same network.
    device : str or torch.device, optional
        Where the passes over all rows and neurons run, by torch in double precision:
        "cuda" pays from some 1e5 rows. By default numpy.
    verbose : bool or "auto"
        Show progress on standard error; "auto" does on a terminal.

    Returns
    -------
    Result of ShallowNet
        Its certificate is "exact" where every neuron was priced, "bounded" where eta
        was bounded, both proven; else "heuristic": the gap then rests on a search with
        `starts` starts and proves nothing.

    Raises
    ------
    ValueError
        If shapes disagree, entries are not finite, an option is unknown, or a proof is
        asked for that is not to be had.

    References
    ----------
    .. [1] Parhi and Nowak, Banach space representer theorems for neural networks and
       ridge splines, JMLR 22(43), 2021.

    Examples
    --------
    XOR takes one neuron, and the optimum is known: ``2 sqrt2 lam - 4 lam^2``.

    >>> X = [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    >>> result = fit_network(X, [0.0, 0.0, 1.0, 1.0], alpha=0.1 / 4)
    >>> round(4 * result.objective, 6), result.certificate.kind
    (0.242843, 'exact')
    """
    options = {"max_neurons": max_neurons, "tol": tol, "max_iter": max_iter}
    rng = generator(random_state)
    progress = progress_for(verbose, "network")
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    task = _task(X, y, loss, quantile, delta, activation, order, sample_weight, device)
    effort = effort_for(task.problem, certificate, n_starts)
    if check_coupling(output_coupling, loss) == "independent":
        return each_output(
            task.at(alpha),
            lambda part: solve(part, None, effort, rng, progress, **options),
        )
    neurons = None if start is None else task.to_neurons(check_start(start, task))
    return solve(task.at(alpha), neurons, effort, rng, progress, **options)


def fit_network_path(
    X: Any,
    y: Any,
    alphas: Iterable[float] | None = None,
    *,
    n_alphas: int = 20,
    ratio: float = 1e-3,
    **options: Any,
) -> tuple[Array, list[Result[ShallowNet]]]:
    """Fit along decreasing alphas, each from the network before.

    Parameters
    ----------
    X, y : arrays
        As in `fit_network`.
    alphas : floats > 0, optional
        By default `n_alphas` values, geometric, from `network_alpha_max` down.
    n_alphas : int, >= 1
        How many.
    ratio : float in (0, 1)
        Least over greatest.
    **options
        Of `fit_network`.

    Returns
    -------
    alphas : (n,) array, decreasing
    results : list of Result

    Examples
    --------
    >>> X = [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    >>> alphas, results = fit_network_path(X, [0.0, 0.0, 1.0, 1.0], n_alphas=3)
    >>> [result.value.n_neurons for result in results]
    [0, 1, 1]
    """
    if alphas is None:
        names = ("loss", "quantile", "delta", "activation", "order", "sample_weight")
        shared = {name: options[name] for name in names if name in options}
        top = network_alpha_max(X, y, **shared)
        alphas = np.geomspace(top, ratio * top, n_alphas) if top > 0.0 else [1.0]
    values = np.sort(np.array(list(alphas), dtype=np.float64))[::-1]
    results: list[Result[ShallowNet]] = []
    for alpha in values:
        start = results[-1].value if results else options.get("start")
        results.append(fit_network(X, y, float(alpha), **{**options, "start": start}))
    return values, results


def solve(
    task: Task,
    start: Neurons | None,
    effort: Effort,
    rng: np.random.Generator,
    progress: Progress | None = None,
    *,
    tol: float,
    max_iter: int,
    max_neurons: int | None = None,
) -> Result[ShallowNet]:
    """Run the solver on a task; values come back in the units of the user."""
    with one_blas_thread():
        start = null_neurons(task.problem) if start is None else start
        method = Sliding(task.problem, start, tol, effort, rng, max_neurons)
        found = iterate(method, tol=tol, max_iter=max_iter, progress=progress)
        state = method.proven(method.confirmed(found.value))
    unit, proof = task.unit, state.certificate
    status = found.status
    if status is Status.CONVERGED and proof.relative_gap > tol:
        # The last starts found what the others had not, or the bound is loose.
        status = Status.UNPROVEN if proof.kind == "bounded" else Status.STALLED
    return Result(
        task.to_net(state.neurons),
        status,
        replace(proof, gap=proof.gap * unit, bound=proof.bound * unit),
        state.objective * unit,
        {**found.stats, **method.stats(state)},
    )


def _task(
    X, y, loss, quantile, delta, activation, order, sample_weight, device=None
) -> Task:
    loss = make_net_loss(loss, quantile=quantile, delta=delta)
    data = read_data(X, y, sample_weight, loss)
    return make_task(data, loss, activation, order, device)


def effort_for(problem: Problem, certificate: str, n_starts: int) -> Effort:
    """Return how hard to work: exactly where that takes seconds and is allowed.

    Parameters
    ----------
    problem : Problem
        The data.
    certificate : {"auto", "exact", "bounded", "heuristic"}
        As in `fit_network`.
    n_starts : int, >= 1
        Starts before a gap is believed.

    Raises
    ------
    ValueError
        If `certificate` is unknown, or is a proof that is not to be had.
    """
    many = int(check_scalar("n_starts", n_starts, low=1))
    kind = _kind(problem, certificate)
    boxes = max(100, int(BOUND_WORK / problem.n)) if kind == "bounded" else 0
    return Effort(few=min(48, many), many=many, exact=kind == "exact", boxes=boxes)


def _kind(problem: Problem, asked: str) -> str:
    """Return the kind of certificate to work for.

    Raises
    ------
    ValueError
        As `effort_for`.
    """
    kinds = ("auto", "exact", "bounded", "heuristic")
    if asked not in kinds:
        raise ValueError(
            f"certificate must be one of {', '.join(kinds)}; got {asked!r}"
        )
    (n, d), order = problem.X.shape, problem.atoms.order
    if asked in ("exact", "bounded") and order != 2:
        raise ValueError(f"proofs are for order 2; got order {order}: use 'heuristic'")
    if asked == "exact" and d > MAX_DIMENSION:
        raise ValueError(
            f"an exact certificate needs at most {MAX_DIMENSION} columns; got {d}: "
            "use 'bounded' or 'heuristic'"
        )
    if asked == "auto":
        return "exact" if order == 2 and feasible(n, d, EXACT_SECONDS) else "heuristic"
    return asked
