"""PathProx as we read it: descent on the loss, a prox step on the path norm.

Yang et al., arXiv 2210.03069: after each step on the loss, w_k and its bias are divided
by |w_k| (v_k is not multiplied), then v_k is soft-thresholded at step * alpha.  Biases
and the skip are free.  Exact zeros are pruned neurons.  Deviations: no balancing across
layers, of which there is one; the first step is 1/L of the loss in v at the start, and
300 times that for W, which would hardly move otherwise; it falls tenfold after 60 % and
85 % of the steps (of `budget` seconds if these end first); Nesterov's momentum.
"""

import math
import time

import numpy as np
import torch

from peers import Fit
from peers._layer import Layer, batches, shares, tensors

STEPS, WIDTH = 30_000, 512
FULL_BATCH, BATCH = 2048, 512
MOMENTUM, MILESTONES = 0.9, (0.6, 0.85)
W_STEP = 300.0


def fit(X, y, alpha, steps=STEPS, budget=math.inf, width=WIDTH, seed=0):
    """Return the network with its zero neurons, the seconds and the steps."""
    start = time.perf_counter()
    layer = Layer(X.shape[1], width)
    p = layer.start(X, y, 1.0, np.random.default_rng(seed)).float()
    # Unit directions from the start, small coefficients.
    layer.split(p)[1].mul_(0.01)
    torch.set_flush_denormal(True)
    taken = descend(layer, p, X, y, alpha, shares(steps, budget), seed)
    torch.set_flush_denormal(False)
    return Fit(layer.net(p), time.perf_counter() - start, taken)


def first_step(layer, p, X1):
    """Return the reciprocal of the largest curvature of the loss in v."""
    H = (X1 @ layer.split(p)[0]).relu_()
    return float(len(X1) / torch.linalg.matrix_norm(H, ord=2) ** 2)


def descend(layer, p, X, y, alpha, schedule, seed):
    """Run the method on `p` in place; return the number of steps."""
    X1, y = tensors(X, y, p.dtype)
    grad, velocity = torch.empty_like(p), torch.zeros_like(p)
    scale = torch.ones_like(p)
    layer.split(scale)[0].fill_(W_STEP)
    first = first_step(layer, p, X1)
    size = None if len(X) <= FULL_BATCH else BATCH
    taken, draws = 0, batches(len(X), size, seed)
    for done, rows in zip(schedule, draws, strict=False):
        step = first * 0.1 ** sum(done >= share for share in MILESTONES)
        layer.loss(p, grad, *((X1, y) if rows is None else (X1[rows], y[rows])))
        velocity.mul_(MOMENTUM).add_(grad)
        p.addcmul_(scale, grad + MOMENTUM * velocity, value=-step)
        # Momentum makes a constant gradient move p by step / (1 - MOMENTUM).
        prox(layer, p, step / (1.0 - MOMENTUM) * alpha)
        taken += 1
    return taken


def prox(layer, p, level):
    """Project directions to the sphere and shrink the coefficients."""
    W, v, _ = layer.split(p)
    W /= W[:-1].norm(dim=0)
    v.copy_(torch.nn.functional.softshrink(v, level))
