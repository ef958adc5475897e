"""Loss of one hidden layer with a skip connection, its gradient by hand.

Parameters are one flat vector: W ((d+1), K) with the biases in its last row, v (K,) and
the affine skip s (d+1,); f(x) = v . relu(W.T [x, 1]) + s . [x, 1].  By hand because
autograd takes about twice as long at this size.
"""

import time
from itertools import count

import numpy as np
import torch

from splinear.shallow import ShallowNet


class Layer:
    """Shapes of the flat vector and what is computed from it."""

    def __init__(self, d, width):
        self.d, self.width = d, width
        self.size = (d + 1) * width + width + d + 1

    def split(self, p):
        """Return views W (d+1, K), v (K,) and s (d+1,) of a flat vector."""
        cut = (self.d + 1) * self.width
        W = p[:cut].view(self.d + 1, self.width)
        return W, p[cut : cut + self.width], p[cut + self.width :]

    def loss(self, p, grad, X1, y):
        """Write the gradient of 1/(2N) |y - f|^2 to `grad` and return the loss."""
        W, v, s = self.split(p)
        gW, gv, gs = self.split(grad)
        H = (X1 @ W).relu_()  # (N, K)
        r = H @ v + X1 @ s - y
        q = r / len(y)
        torch.mv(H.T, q, out=gv)
        torch.mv(X1.T, q, out=gs)
        # X' (q v' * on) = ((q * X)' on) * v needs no matrix q v'.
        torch.mul((X1 * q[:, None]).T @ H.sign_(), v, out=gW)
        return 0.5 * torch.dot(r, q)

    def net(self, p):
        """Return the network; neurons below 1e-6 of the sum of |a| are not dropped."""
        W, v, s = (part.double().numpy() for part in self.split(p))
        return ShallowNet.from_neurons(W[:-1].T, -W[-1], v, s[:-1, None], s[-1:])

    def start(self, X, y, scale, rng):
        """Return parameters: kinks through random rows of X, the skip fitted to y."""
        directions = rng.normal(size=(self.d, self.width))
        directions /= np.linalg.norm(directions, axis=0)
        rows = rng.integers(len(X), size=self.width)
        bias = -np.einsum("kd,dk->k", X[rows], directions)
        signs = rng.choice([-1.0, 1.0], self.width)
        s = np.linalg.lstsq(augmented(X), y, rcond=None)[0]
        # A hidden layer of mean zero would need the skip to be fitted again; Adam does.
        W = scale * np.vstack([directions, bias])
        return torch.from_numpy(np.concatenate([W.ravel(), scale * signs, s]))


def augmented(X):
    """Return [X, 1]."""
    return np.hstack([X, np.ones((len(X), 1))])


def tensors(X, y, dtype):
    """Return [X, 1] and y as tensors."""
    return torch.from_numpy(augmented(X)).to(dtype), torch.from_numpy(y).to(dtype)


def batches(N, size, seed):
    """Yield index tensors, fresh permutations in turn; None for all rows."""
    draw, left = torch.Generator().manual_seed(seed), []
    while True:
        if size is None or size >= N:
            yield None
            continue
        if not left:
            left = list(torch.randperm(N, generator=draw).split(size))
            left = [rows for rows in left if len(rows) == size]
        yield left.pop()


def shares(steps, budget):
    """Yield the share that is done after each step: of the steps or of the seconds.

    A schedule that follows it ends in time whichever limit comes first.
    """
    start = time.perf_counter()
    for k in count(1):
        spent = (time.perf_counter() - start) / budget
        yield min(1.0, max(k / steps, spent))
        if k >= steps or spent >= 1.0:
            return
