"""The convex reformulation of Pilanci and Ergen in pyscnn, by augmented Lagrangians.

pyscnn minimises 1/(2N) |y - sum_i D_i X (v_i - w_i)|^2 + lam sum_i (|v_i| + |w_i|), with
v_i and w_i in the cone of activation pattern D_i and N from `len(y)`.  A neuron of the
pattern D_i with coefficient +-1 and weight v_i costs |v_i|, so lam = alpha.

Its group norm includes the bias.  We hand it [X, B] instead of [X, 1], with B the root
mean square of |x|: a bias b counts as b / B.  (Larger B makes it freer still, but the
steps then get the objective less far in the same time.)  It has no skip connection: y
loses its affine part first, and the score fits the skip again.  The rest of y is scaled
to variance 1 and alpha with it, because tolerances of pyscnn are absolute.

Gates: uniform directions through random rows; columns not scaled.  More gates than these
end higher: each step costs more and pyscnn then stops far from converged.  The budget
is in steps, as pyscnn has no clock: seconds over those of a few steps measured before.
"""

import logging
import math
import time

import numpy as np
from scnn.metrics import Metrics
from scnn.models import ConvexReLU
from scnn.optimize import optimize_model
from scnn.regularizers import NeuronGL1
from scnn.solvers import AL

from peers import Fit
from peers._layer import augmented
from splinear.shallow import ShallowNet

STEPS, TRIAL = 10_000, 30
#: Gates times rows, to which time is proportional, and how few or many gates at all.
ENTRIES, FEWEST, MOST = 200_000, 100, 500


def fit(X, y, alpha, budget=math.inf, gates=None, seed=0, steps=STEPS):
    """Return the network, the seconds (without the trial's) and the steps allowed."""
    logging.getLogger("scnn").disabled = True  # "max iterations reached"
    gates = gates or min(max(ENTRIES // len(X), FEWEST), MOST)
    B = float(np.sqrt(np.mean(np.sum(X * X, axis=1))))
    G = gate_vectors(X, gates, B, np.random.default_rng(seed))
    if budget < math.inf:
        each = run(X, y, alpha, B, G, TRIAL).seconds / TRIAL
        steps = min(steps, int(budget / each))
    return run(X, y, alpha, B, G, steps)


def gate_vectors(X, count, B, rng):
    """Return (d+1, count): hyperplanes of uniform direction through rows of X."""
    U = rng.normal(size=(X.shape[1], count))
    U /= np.linalg.norm(U, axis=0)
    rows = rng.integers(len(X), size=count)
    return np.vstack([U, -np.einsum("kd,dk->k", X[rows], U) / B])


def run(X, y, alpha, B, G, steps):
    """Return the fit with gates G after at most `steps` steps."""
    start = time.perf_counter()
    X1 = augmented(X)
    rest = y - X1 @ np.linalg.lstsq(X1, y, rcond=None)[0]
    X1[:, -1] = B
    unit = float(np.sqrt(np.mean(rest * rest)))
    model = ConvexReLU(G)
    model, _ = optimize_model(
        model,
        AL(model, max_primal_iters=steps),
        Metrics(),
        X1,
        rest / unit,
        regularizer=NeuronGL1(alpha / unit),
        return_convex=True,
        unitize_data=False,
        dtype="float64",
    )
    net = network([unit * part for part in model.parameters], B)
    return Fit(net, time.perf_counter() - start, steps)


def network(parameters, B):
    """Return the network of v (coefficient 1) and w (coefficient -1)."""
    v, w = (part[0] for part in parameters)
    W = np.vstack([v, w])
    signs = np.repeat([1.0, -1.0], [len(v), len(w)])
    kept = np.any(W[:, :-1] != 0.0, axis=1)
    return ShallowNet.from_neurons(W[kept, :-1], -B * W[kept, -1], signs[kept])
