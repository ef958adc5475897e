"""Losses whose gap is a Kullback-Leibler divergence: counts and classes."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from splinear.shallow._net_loss import Array, NetLoss, mean

# a log(a/b) - (a - b) of a = b + more, which keeps its digits where that cancels.
from splinear.univariate.losses import _divergence

#: No rate of data reaches exp(300); beyond, the Poisson loss goes on as a line.
_LAST_LOG_RATE = 300.0
#: Means and shares below this count as this much: constants stay finite.
_FLOOR = 1e-12
#: Rows of probabilities may miss one by this much: millions of roundings.
_UNIT = 1e-9


@final
@dataclass(frozen=True)
class PoissonLoss(NetLoss):
    """Half the Poisson deviance ``e^f - y f - y + y log y``, y >= 0 counts or rates.

    The dual domain is r <= y. Above f = 300 the loss goes on along its tangent.

    Examples
    --------
    >>> loss = PoissonLoss()
    >>> loss.value(np.array([[0.0, 3.0]]), np.log([[2.0, 3.0]]))
    array([2.])
    """

    name = "poisson"
    degree = 0
    max_curvature = np.inf

    def pull(self, Y: Array, F: Array) -> Array:
        """``y - e^f``, (N, D)."""
        return Y - _rate(F)

    def curvature(self, Y: Array, F: Array) -> Array:
        """The largest rate of each row, (N,)."""
        return np.max(_rate(F), axis=1)

    def slack(self, Y: Array, F: Array, R: Array) -> Array:
        """Generalised Kullback-Leibler divergence from y - r to ``e^f``, (N,)."""
        rate = _rate(F)
        more = np.maximum(Y - rate - R, -rate)
        gap = _divergence(more, rate, np.minimum(F, _LAST_LOG_RATE))
        line = more * np.maximum(F - _LAST_LOG_RATE, 0.0)
        return np.sum(gap - line, axis=1)

    def feasible(self, Y: Array, R: Array) -> Array:
        """The smaller of R and Y, (N, D)."""
        return np.minimum(R, Y)

    def null_output(self, Y: Array, w: Array) -> Array:
        """Logarithm of the weighted means, (D,)."""
        rate = mean(Y, w)
        return np.log(np.where(rate > 0.0, rate, _FLOOR))

    def check_targets(self, Y: Array) -> None:
        """Raise ValueError if some count is negative."""
        if not np.all(Y >= 0.0):
            raise ValueError(
                f"targets of the Poisson loss must be >= 0; got {_offender(Y, Y >= 0)}: "
                "drop that row, or use the squared loss"
            )


@final
@dataclass(frozen=True)
class LogisticLoss(NetLoss):
    """``log(1 + e^f) - y f`` of each output, with y in {0, 1} or a probability.

    For probabilities less their entropy, so that the minimum is 0. The dual domain is
    y - 1 <= r <= y.

    Examples
    --------
    >>> loss = LogisticLoss()
    >>> loss.pull(np.array([[1.0, 0.0]]), np.zeros((1, 2)))
    array([[ 0.5, -0.5]])
    """

    name = "logistic"
    degree = 0
    max_curvature = 0.25

    def pull(self, Y: Array, F: Array) -> Array:
        """``y - p`` with p the probability, (N, D)."""
        return _residual(Y, expit(F), expit(-F))

    def curvature(self, Y: Array, F: Array) -> Array:
        """The largest ``p (1 - p)`` of each row, (N,)."""
        return np.max(expit(F) * expit(-F), axis=1)

    def slack(self, Y: Array, F: Array, R: Array) -> Array:
        """Kullback-Leibler divergences from y - r to the probabilities, (N,)."""
        p, rest = expit(F), expit(-F)
        more = np.clip(_residual(Y, p, rest) - R, -p, rest)
        first = _divergence(more, p, log_expit(F))
        return np.sum(first + _divergence(-more, rest, log_expit(-F)), axis=1)

    def feasible(self, Y: Array, R: Array) -> Array:
        """R clipped to [y - 1, y], (N, D)."""
        return np.clip(R, Y - 1.0, Y)

    def null_output(self, Y: Array, w: Array) -> Array:
        """Log-odds of the weighted means, (D,)."""
        odds = np.maximum([mean(Y, w), mean(1.0 - Y, w)], _FLOOR)
        return np.log(odds[0]) - np.log(odds[1])

    def check_targets(self, Y: Array) -> None:
        """Raise ValueError if some label is outside [0, 1]."""
        _check_probabilities(self.name, Y)


@final
@dataclass(frozen=True)
class MultinomialLoss(NetLoss):
    """``log sum_k e^(f_k) - <y, f>`` with y one-hot, or probabilities of the classes.

    For probabilities less their entropy. The dual domain is ``r = y - q`` with q in the
    simplex.

    Examples
    --------
    >>> loss = MultinomialLoss()
    >>> loss.value(np.array([[1.0, 0.0]]), np.log([[0.25, 0.75]])) / np.log(4.0)
    array([1.])
    """

    name = "multinomial"
    degree = 0
    max_curvature = 0.5

    def pull(self, Y: Array, F: Array) -> Array:
        """``y - p`` with p the probabilities, (N, D)."""
        return _residual(Y, *_softmax(F)[:2])

    def curvature(self, Y: Array, F: Array) -> Array:
        """Bound ``p min(1, 2 (1 - p))`` with p the largest probability, (N,).

        ``diag(p) - p p'`` is at most ``diag(p)``, and Gershgorin's discs end at
        ``2 p_k (1 - p_k)``; exact for two classes and for equal probabilities.
        """
        p, rest, _ = _softmax(F)
        return np.max(p, axis=1) * np.minimum(1.0, 2.0 * np.min(rest, axis=1))

    def slack(self, Y: Array, F: Array, R: Array) -> Array:
        """Kullback-Leibler divergence from y - r to the probabilities, (N,)."""
        p, rest, log_p = _softmax(F)
        more = np.maximum(_residual(Y, p, rest) - R, -p)
        return np.sum(_divergence(more, p, log_p), axis=1)

    def feasible(self, Y: Array, R: Array) -> Array:
        """``y - q`` with ``q = y - r`` cut at 0 and divided by its sum, (N, D).

        If nothing of q is left, ``q = y``.
        """
        kept = np.minimum(R, Y)
        q = Y - kept
        total = np.sum(q, axis=1, keepdims=True)
        far = Y - q / np.where(total > 0.0, total, 1.0)
        # Near the simplex r moves by small terms, which keep the digits of a small r.
        over = -np.sum(kept, axis=1, keepdims=True)
        near = kept + q * (over / np.maximum(1.0 + over, 0.5))
        moved = np.where(np.abs(over) <= 0.5, near, far)
        return np.where(total > 0.0, moved, 0.0)

    def null_output(self, Y: Array, w: Array) -> Array:
        """Logarithms of the weighted shares, centred to sum 0, (D,)."""
        scores = np.log(np.maximum(mean(Y, w), _FLOOR))
        return scores - float(np.mean(scores))

    def check_targets(self, Y: Array) -> None:
        """Raise ValueError if some row is not one-hot or a distribution."""
        _check_probabilities(self.name, Y)
        sums = np.sum(Y, axis=1)
        good = np.abs(sums - 1.0) <= _UNIT
        if not np.all(good):
            raise ValueError(
                "rows of multinomial targets must sum to 1; got "
                f"{_offender(sums, good)}: pass one column per class (one-hot)"
            )


def _rate(F: Array) -> Array:
    return np.exp(np.minimum(F, _LAST_LOG_RATE))


def _residual(Y: Array, p: Array, rest: Array) -> Array:
    # y - p with rest = 1 - p, exact where both are near one.
    return Y * rest - (1.0 - Y) * p


def _softmax(F: Array) -> tuple[Array, Array, Array]:
    """Return p, 1 - p and log p; only the largest p needs the sum of the others."""
    top = np.argmax(F, axis=1)[:, None]
    shifted = F - np.take_along_axis(F, top, axis=1)
    others = np.exp(shifted)
    np.put_along_axis(others, top, 0.0, axis=1)
    odds = np.sum(others, axis=1, keepdims=True)
    p = others / (1.0 + odds)
    np.put_along_axis(p, top, 1.0 / (1.0 + odds), axis=1)
    rest = 1.0 - p
    np.put_along_axis(rest, top, odds / (1.0 + odds), axis=1)
    return p, rest, shifted - np.log1p(odds)


def _offender(values: Array, good: NDArray[np.bool_]) -> str:
    where = np.argwhere(~good)
    return f"{values[tuple(where[0])]} in row {where[0][0]} ({len(where)} in all)"


def _check_probabilities(name: str, Y: Array) -> None:
    good = (Y >= 0.0) & (Y <= 1.0)
    if not np.all(good):
        raise ValueError(
            f"targets of the {name} loss must lie in [0, 1]; got {_offender(Y, good)}: "
            "code classes as 0 and 1"
        )
