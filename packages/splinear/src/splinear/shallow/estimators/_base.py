"""What the estimators share: from checked rows to attributes of a fitted network."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from splinear.core.checks import check_scalar
from splinear.core.progress import progress_for
from splinear.core.random import generator
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.shallow._fit_checks import check_coupling, read_data
from splinear.shallow._outputs import each_output
from splinear.shallow._task import Task, make_task
from splinear.shallow.estimators import _rows
from splinear.shallow.fit import alpha_max_of, effort_for, solve
from splinear.shallow.losses import make_net_loss
from splinear.shallow.net import ShallowNet
from splinear.shallow.select import Choice, choose_alpha

Array = NDArray[np.float64]


class NetEstimator(BaseEstimator):
    """Base of the estimators: scaled columns in, one certified network out."""

    def _fit_rows(self, X: Array, Y: Array, w: Array | None, loss: str) -> None:
        """Fit, and set the attributes."""
        if self.max_neurons is not None:
            check_scalar("max_neurons", self.max_neurons, low=0)
        X, Y, w = _rows.merged(X, Y, w)
        frame = _rows.frame_of(X, w, self.scaling)
        start = getattr(self, "_inner_net", None) if self.warm_start else None
        task = self._task((X - frame.center) / frame.scale, Y, w, loss)
        rng = generator(self.random_state)
        choices: list[Choice] = []
        if check_coupling(self.output_coupling, loss) == "independent":
            result = each_output(
                task, lambda part: self._solve(part, None, rng, choices)
            )
        else:
            result = self._solve(task, start, rng, choices)
        self._adopt(result, frame, choices)

    def _task(self, X: Array, Y: Array, w: Array, loss: str) -> Task:
        made = make_net_loss(
            loss,
            quantile=getattr(self, "quantile", 0.5),
            delta=getattr(self, "delta", 1.0),
        )
        data = read_data(X, Y, w, made)
        return make_task(data, made, self.activation, self.order, self.device)

    def _solve(
        self, task: Task, start: ShallowNet | None, rng: Any, choices: list[Choice]
    ) -> Result[ShallowNet]:
        choice = self._choice(task, rng)
        choices.append(choice)
        neurons = choice.start
        if start is not None and start.n_inputs == task.problem.X.shape[1]:
            neurons = task.to_neurons(start)
        return solve(
            task.at(choice.alpha),
            neurons,
            effort_for(task.problem, self.certificate, self.n_starts),
            rng,
            progress_for(self.verbose, type(self).__name__),
            tol=check_scalar("tol", self.tol, low=0.0, strict=True),
            max_iter=int(check_scalar("max_iter", self.max_iter, low=0)),
            max_neurons=self.max_neurons,
        )

    def _choice(self, task: Task, rng: Any) -> Choice:
        if isinstance(self.alpha, str):
            if self.alpha != "auto":
                raise ValueError(
                    f"alpha must be a number > 0 or 'auto'; got {self.alpha!r}"
                )
            return choose_alpha(task, self.max_neurons, rng)
        alpha = check_scalar("alpha", self.alpha, low=0.0, strict=True)
        effort = effort_for(task.problem, self.certificate, self.n_starts)
        top = alpha_max_of(task, effort, rng)
        none = np.zeros(0)
        return Choice(alpha, top, None, none, none, "given")

    def _adopt(
        self, result: Result[ShallowNet], frame: _rows.Frame, choices: list[Choice]
    ) -> None:
        inner = result.value
        self._inner_net = inner
        self.center_, self.scale_ = frame
        self.net_ = inner.in_units(frame.center, frame.scale, 0.0, 1.0)
        self.variation_norm_ = inner.path_norm()
        self.certificate_, self.status_ = result.certificate, result.status
        self.objective_ = result.objective
        self.violation_ = float(result.stats["violation"])
        self.n_iter_ = max(1, int(result.stats["n_iter"]))
        self.alpha_ = _one_or_all([choice.alpha for choice in choices])
        self.alpha_max_ = _one_or_all([choice.alpha_max for choice in choices])
        self.alphas_ = choices[0].alphas
        self.validation_errors_ = choices[0].errors
        self.how_ = choices[0].how
        if not isinstance(self.alpha, str):
            self._warn(result)

    def _warn(self, result: Result[ShallowNet]) -> None:
        if result.status is Status.CONVERGED:
            return
        proof = result.certificate
        warnings.warn(
            f"{result.status.value} Gap {proof.gap:.3g}, relative gap "
            f"{proof.relative_gap:.1e} ({proof.kind} certificate), tol {self.tol:g}, "
            f"{self.net_.n_neurons} neurons of at most {self.max_neurons}.",
            ConvergenceWarning,
            stacklevel=5,
        )

    @property
    def n_neurons_(self) -> int:
        """Number of neurons, K."""
        check_is_fitted(self)
        return self.net_.n_neurons

    @property
    def directions_(self) -> Array:
        """Unit directions of the neurons in the units of X, (K, d)."""
        check_is_fitted(self)
        return self.net_.directions

    @property
    def offsets_(self) -> Array:
        """Offsets of the neurons in the units of X, (K,)."""
        check_is_fitted(self)
        return self.net_.offsets

    @property
    def coef_(self) -> Array:
        """Coefficients of the neurons in the units of X and y, (K, D)."""
        check_is_fitted(self)
        return self.net_.coef

    def _outputs(self, X: Any) -> Array:
        """Evaluate the network, (N, D)."""
        check_is_fitted(self)
        return self.net_(_rows.read_table(self, X, reset=False))

    def describe(self) -> str:
        """Return the network in words: each neuron a crease in the units of X.

        Sizes of creases are in scaled columns, as the penalty sees them.
        """
        from splinear.shallow.printout import describe

        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        return describe(
            self._inner_net,
            None if names is None else list(names),
            center=self.center_,
            scale=self.scale_,
        )


def _one_or_all(values: list[float]) -> Any:
    return float(values[0]) if len(values) == 1 else np.array(values)
