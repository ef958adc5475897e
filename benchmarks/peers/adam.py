"""Adam with weight decay and an L-BFGS polish: how such networks are usually trained.

The objective is 1/(2N) |y - f|^2 + alpha/2 (|v|^2 + |W|^2) with free biases and skip;
at its stationary points |v_k| = |w_k|, so that it equals the one with alpha sum |a_k|.
Full batches up to 2,048 rows, else batches of 512; float32; the step falls from 1e-2 to
1e-4 along a cosine, of steps or of `budget` seconds if these end first.  Then L-BFGS in float64 on all rows, without neurons whose share of
sum |a| is below 1e-7.
"""

import math
import time

import numpy as np
import torch
from scipy.optimize import minimize

from peers import Fit
from peers._layer import Layer, batches, shares, tensors

STEPS, WIDTH, POLISH = 30_000, 512, 2000
FIRST, LAST = 1e-2, 1e-4
FULL_BATCH, BATCH = 2048, 512
DROPPED = 1e-7


def fit(X, y, alpha, steps=STEPS, budget=math.inf, width=WIDTH, seed=0, polish=POLISH):
    """Return the network, the seconds of both phases and the steps of Adam."""
    start = time.perf_counter()
    layer = Layer(X.shape[1], width)
    p = layer.start(X, y, 0.1, np.random.default_rng(seed)).float()
    # Weights that decay to subnormal numbers would make each step four times slower.
    torch.set_flush_denormal(True)
    taken = descend(layer, p, X, y, alpha, shares(steps, budget), seed)
    torch.set_flush_denormal(False)
    layer, p = without_tiny(layer, p.double())
    p = polished(layer, p, X, y, alpha, polish)
    seconds = time.perf_counter() - start
    return Fit(layer.net(p), seconds, taken)


def decayed(layer, p):
    """Return 1 where weight decay acts, 0 on biases and skip."""
    mask = torch.ones_like(p)
    W, _, s = layer.split(mask)
    W[-1], s[:] = 0.0, 0.0
    return mask


def descend(layer, p, X, y, alpha, schedule, seed):
    """Run Adam on `p` in place; return the number of steps."""
    X1, y = tensors(X, y, p.dtype)
    grad, decay = torch.empty_like(p), alpha * decayed(layer, p)
    m, u = torch.zeros_like(p), torch.zeros_like(p)
    size = None if len(X) <= FULL_BATCH else BATCH
    k, draws = 0, batches(len(X), size, seed)
    for k, (done, rows) in enumerate(zip(schedule, draws, strict=False), 1):
        layer.loss(p, grad, *((X1, y) if rows is None else (X1[rows], y[rows])))
        grad.addcmul_(decay, p)
        m.lerp_(grad, 0.1)
        u.mul_(0.999).addcmul_(grad, grad, value=0.001)
        share = 0.5 * (1.0 + math.cos(math.pi * done))
        step = (LAST + (FIRST - LAST) * share) / (1.0 - 0.9**k)
        scale = (u / (1.0 - 0.999**k)).sqrt_().add_(1e-8)
        p.addcdiv_(m, scale, value=-step)
    return k


def without_tiny(layer, p):
    """Return layer and parameters without neurons that decay has removed."""
    W, v, s = layer.split(p)
    sizes = v.abs() * W[:-1].norm(dim=0)
    kept = sizes > DROPPED * sizes.sum()
    parts = [W[:, kept].reshape(-1), v[kept], s]
    return Layer(layer.d, int(kept.sum())), torch.cat(parts)


def polished(layer, p, X, y, alpha, iterations):
    """Return the parameters after L-BFGS on all rows in float64."""
    X1, y = tensors(X, y, torch.float64)
    decay = alpha * decayed(layer, p)

    def objective(flat):
        q, grad = torch.from_numpy(flat), torch.empty_like(p)
        value = layer.loss(q, grad, X1, y) + 0.5 * torch.dot(decay * q, q)
        return float(value), grad.addcmul_(decay, q).numpy()

    limits = {"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 30}
    limits |= {"ftol": 1e-13, "gtol": 1e-9}
    found = minimize(objective, p.numpy(), jac=True, method="L-BFGS-B", options=limits)
    return torch.from_numpy(found.x)
