"""Points with known answers, random problems, and the Hessian the slow, obvious way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st

B = [[[1, 2], [0, 1], [1, 0]], [[1, 0, -1], [2, 1, 0]]]
C = [[[1, 2], [0, 1]], [[1, 0], [1, 1]], [[2, 0], [-1, 1]]]
D = [[[1], [2]], [[1, 0], [1, 1]], [[1, -1]]]
E = [[3, 0], [4, 5]]
SCALAR = [[[2.0]], [[0.5]]]
#: Depth 3, residual of norm 1, gradient 0: J J^T alone would say 80.
SLACK = [np.diag([1.0, 3.0]), np.array([[1.0, 0.0]]), np.array([[2.0], [0.0]])]


def torch():
    return pytest.importorskip("torch", reason="autograd is the second opinion")


def loss(W, target, weight_decay=0.0, loss_scale=1.0, inputs=None):
    """Return the loss as a torch tensor, from its definition."""
    product = W[0]
    for layer in W[1:]:
        product = layer @ product
    if inputs is not None:
        product = product @ torch().as_tensor(np.array(inputs, dtype=float))
    error = product - torch().as_tensor(np.array(target, dtype=float))
    decay = sum((layer**2).sum() for layer in W)
    return loss_scale * (error**2).sum() + weight_decay * decay


def autograd(weights, target, **options):
    """Return the loss, its gradient and its (P, P) Hessian by automatic differentiation."""
    shapes = [np.shape(W) for W in weights]
    ends = np.cumsum([0, *[a * b for a, b in shapes]])

    def value(flat):
        W = [
            flat[i:j].reshape(shape)
            for i, j, shape in zip(ends, ends[1:], shapes, strict=False)
        ]
        return loss(W, target, **options)

    flat = np.concatenate([np.ravel(W) for W in weights]).astype(float)
    x = torch().as_tensor(flat)
    functional = torch().autograd.functional
    H = functional.hessian(value, x).numpy()
    g = functional.jacobian(value, x).numpy()
    return float(value(x)), g, H


def random_layers(widths, seed, rank=None):
    """Return Gaussian layers; of a given rank each, if one is asked for."""
    rng = np.random.default_rng(seed)
    layers = [rng.normal(size=(b, a)) for a, b in pairwise(widths)]
    if rank is None:
        return layers
    cut = []
    for W in layers:
        U, s, Vt = np.linalg.svd(W, full_matrices=False)
        s[rank:] = 0.0
        cut.append((U * s) @ Vt)
    return cut


@st.composite
def widths(draw, low=1, high=6, largest=4):
    """Draw d_0, ..., d_L of ragged sizes, depth from `low` to `high`."""
    L = draw(st.integers(low, high))
    return draw(st.lists(st.integers(1, largest), min_size=L + 1, max_size=L + 1))


@st.composite
def problems(draw):
    """Draw layers, full or of deficient rank, zero included."""
    sizes = draw(widths())
    rank = draw(st.sampled_from([None, None, 1, 0]))
    return random_layers(sizes, draw(st.integers(0, 10**6)), rank)


def target_with(singular_values, shape, seed):
    """Return a matrix of given singular values between random orthogonal frames."""
    rng = np.random.default_rng(seed)
    m, n = shape
    U = np.linalg.qr(rng.normal(size=(m, m)))[0]
    V = np.linalg.qr(rng.normal(size=(n, n)))[0]
    middle = np.zeros(shape)
    k = min(shape)
    middle[np.arange(k), np.arange(k)] = np.asarray(singular_values)[:k]
    return U @ middle @ V.T


def expanded(values, counts):
    """Return a sorted list of eigenvalues from values and how often each occurs."""
    return np.sort(np.repeat(values, counts))[::-1]
