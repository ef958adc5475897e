"""One objective for every network, whoever fitted it."""

from dataclasses import replace

import numpy as np

from splinear.shallow import canonicalise

#: Neurons of a smaller share of sum |a| count as zero: descent never reaches zero.
TINY = 1e-6


def score(net, X, y, alpha):
    """Return (objective, number of neurons) of a scalar network on X (N, d), y (N,).

    Neurons of one hyperplane are merged, tiny ones dropped, and the affine skip is
    fitted again by least squares, which can only help.  The objective is
    1/(2N) |y - f|^2 + alpha sum |a_k|.
    """
    net = trimmed(net)
    rest = y - net.features(X) @ net.coef[:, 0]
    affine = np.hstack([X, np.ones((len(X), 1))])
    rest = rest - affine @ np.linalg.lstsq(affine, rest, rcond=None)[0]
    loss = 0.5 * float(rest @ rest) / len(y)
    return loss + alpha * float(np.abs(net.coef).sum()), net.n_neurons


def trimmed(net):
    """Return the canonical form without neurons below 1e-6 of the sum."""
    net = canonicalise(net)
    sizes = np.abs(net.coef[:, 0])
    kept = sizes >= TINY * sizes.sum()
    parts = {"directions": net.directions[kept], "offsets": net.offsets[kept]}
    return replace(net, **parts, coef=net.coef[kept])
