"""One set of laws over all losses, against definitions in extended precision."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from splinear.core.testing import taylor_slope
from splinear.shallow.losses import NAMES, make_net_loss

N, D = 60, 3
QUANTILE, DELTA, WIDTH = 0.8, 0.7, 0.3
LOSSES = [make_net_loss(name, QUANTILE, DELTA) for name in NAMES]
LOSSES.append(LOSSES[2].smoothed(WIDTH))
SMOOTH = [loss for loss in LOSSES if not (loss.name == "quantile" and loss.width == 0)]
CLASSES = ("logistic", "multinomial")


def label(loss):
    return loss.name + ("_smoothed" if getattr(loss, "width", 1) == WIDTH else "")


every = pytest.mark.parametrize("loss", LOSSES, ids=label)
smooth = pytest.mark.parametrize("loss", SMOOTH, ids=label)


def points(loss, seed=0, soft=False):
    """Targets and predictions; of classes hard ones, or probabilities."""
    rng = np.random.default_rng(seed)
    F = 2.0 * rng.normal(size=(N, D))
    if loss.name == "poisson":
        return rng.poisson(2.0, size=(N, D)) * (0.7 if soft else 1.0), F
    if loss.name == "logistic":
        Y = rng.random((N, D))
        return Y if soft else np.round(Y), F
    if loss.name == "multinomial":
        Y = rng.dirichlet(np.ones(D), N)
        return Y if soft else np.eye(D)[np.argmax(Y, axis=1)], F
    return 1.5 * rng.normal(size=(N, D)), F


def duals(loss, Y, F, noise, seed=1):
    R = loss.pull(Y, F)
    step = np.random.default_rng(seed).normal(size=R.shape)
    if loss.name == "multinomial":
        step -= step.mean(axis=1, keepdims=True)
    return loss.feasible(Y, R + noise * step)


# The definitions, in the wider arithmetic that is there.


def entropy(p):
    return p * np.log(np.where(p > 0.0, p, 1.0))


def naive_gap(loss, Y, F, R):
    """Sum ``l(f) + l*(-r) + r f`` as it is written, in np.longdouble."""
    y, f, r = (np.asarray(a, dtype=np.longdouble) for a in (Y, F, R))
    u = y - r
    if loss.name == "poisson":
        terms = np.exp(f) - y * f - y + entropy(y)
        terms += entropy(u) - u + y - entropy(y)
    elif loss.name == "logistic":
        terms = np.log(1 + np.exp(f)) - y * f + entropy(u) + entropy(1 - u)
    elif loss.name == "multinomial":
        # Rows of r sum to zero but for their rounding; those of the dual domain do.
        u /= np.sum(u, axis=1, keepdims=True)
        total = np.log(np.sum(np.exp(f), axis=1))
        return total + np.sum(entropy(u) - u * f, axis=1)
    else:
        terms = naive_regression(loss, y - f) + 0.5 * loss.width * r * r - r * y
    return np.sum(terms + r * f, axis=1)


def naive_regression(loss, e):
    size = np.abs(e)
    if loss.name == "squared":
        return e * e / 2
    if loss.name == "huber":
        return np.where(size <= DELTA, e * e / 2, DELTA * (size - DELTA / 2))
    q, w = np.where(e > 0, loss.high, -loss.low), loss.width
    tail = q * (size - q * w / 2)
    return tail if w == 0 else np.where(size <= q * w, e * e / (2 * w), tail)


@every
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("noise", [0.0, 1e-5, 1.0])
def test_slack_equals_its_definition(loss, soft, noise):
    Y, F = points(loss, soft=soft)
    R = duals(loss, Y, F, noise)
    gap = loss.slack(Y, F, R)
    assert gap.shape == (N,)
    assert np.all(gap >= 0.0)
    # Terms of size ten, rounded to 1e-19 each; 1e-5 away the gap is about 1e-10, and
    # r itself is rounded to 1e-16 / 1e-5 of its distance to the pull.
    eps = float(np.finfo(np.longdouble).eps)
    assert_allclose(
        gap, naive_gap(loss, Y, F, R).astype(float), rtol=1e-9, atol=1e3 * eps
    )
    if noise == 0.0:
        assert_allclose(gap, 0.0, atol=1e-28)


@every
def test_value_is_the_definition_and_at_least_zero(loss):
    Y, F = points(loss, soft=True)
    value = loss.value(Y, F)
    # The conjugate at 0 is minus the least loss, which is 0.
    naive = naive_gap(loss, Y, F, np.zeros_like(F)).astype(float)
    assert_allclose(value, naive, rtol=1e-13, atol=1e-15)
    assert np.all(value >= 0.0)
    assert_allclose(loss.value(Y, perfect(loss, Y)), 0.0, atol=1e-15)


def perfect(loss, Y):
    """Predict what came."""
    if loss.name not in ("poisson", *CLASSES):
        return Y
    rest = np.log1p(-Y) if loss.name == "logistic" else 0.0
    return np.log(np.maximum(Y, 1e-300)) - rest


@every
@pytest.mark.parametrize("soft", [False, True])
def test_pull_is_minus_the_gradient(loss, soft):
    Y, F = points(loss, soft=soft)
    slope = taylor_slope(
        lambda f: float(np.sum(loss.value(Y[:5], f))),
        lambda f: -loss.pull(Y[:5], f),
        F[:5],
    )
    assert slope > 1.9  # infinite where the loss is linear


@smooth
def test_curvature_bounds_the_hessian(loss):
    Y, F = points(loss)
    h, bound = 1e-6, loss.curvature(Y, F)
    H = np.empty((N, D, D))
    for k, unit in enumerate(h * np.eye(D)):
        H[:, k] = (loss.pull(Y, F - unit) - loss.pull(Y, F + unit)) / (2 * h)
    top = np.linalg.eigvalsh(H)[:, -1]
    # Differences of pulls of size ten, rounded to 1e-15, over 2e-6.
    assert np.all(top <= bound + 1e-8 * (1.0 + bound))
    tight = 1.4 if loss.name == "multinomial" else 1.0
    assert_allclose(bound, top, rtol=tight - 1.0 + 1e-6, atol=1e-8)
    assert np.all(bound <= loss.majorant(Y, F))


@smooth
def test_majorant_holds_between_any_two_points(loss):
    Y, F = points(loss)
    G = F[::-1]
    M = loss.majorant(Y, F)
    assert M.shape == (N,)
    if loss.name == "poisson":
        assert np.all(np.isinf(M))
        return
    model = loss.value(Y, F) - np.sum(loss.pull(Y, F) * (G - F), axis=1)
    model += M / 2 * np.sum((G - F) ** 2, axis=1)
    assert np.all(loss.value(Y, G) <= model + 1e-12)


@every
def test_value_is_convex(loss):
    Y, F = points(loss)
    G = 150.0 * F[::-1]  # beyond the last rate, too
    ends = loss.value(Y, F), loss.value(Y, G)
    below = ends[0] - np.sum(loss.pull(Y, F) * (G - F), axis=1)
    assert np.all(ends[1] >= below * (1.0 - 1e-12) - 1e-12)
    for t in (0.1, 0.5, 0.9):
        chord = (1 - t) * ends[0] + t * ends[1]
        assert np.all(loss.value(Y, (1 - t) * F + t * G) <= chord * (1 + 1e-12))


@every
@pytest.mark.parametrize("soft", [False, True])
def test_nothing_overflows(loss, soft):
    Y, F = points(loss, soft=soft)
    F = np.sign(F) * np.where(np.abs(F) > 1.0, 1e4, 1e-8)
    F[0], F[1], F[2] = 1e4, -1e4, 0.0
    R = loss.feasible(Y, np.random.default_rng(2).normal(size=F.shape))
    arrays = [loss.value(Y, F), loss.pull(Y, F), loss.curvature(Y, F)]
    gaps = [loss.slack(Y, F, R), loss.slack(Y, F, loss.pull(Y, F))]
    for array in arrays + gaps:
        assert np.all(np.isfinite(array))
    assert np.all(gaps[0] >= 0.0)
    assert_allclose(gaps[1], 0.0, atol=1e-14)
    assert np.all(loss.curvature(Y, F) <= loss.majorant(Y, F))


@pytest.mark.parametrize(
    ("name", "f", "times"), [("logistic", [40, -40], 2), ("multinomial", [40, 0], 1)]
)
def test_small_losses_of_certain_rows_keep_their_digits(name, f, times):
    """Of a class predicted with odds e^40 the loss is e^-40, not 0."""
    loss = make_net_loss(name)
    Y, F = np.array([[1.0, 0.0]]), np.array([f], dtype=float)
    assert_allclose(loss.value(Y, F), times * np.exp(-40.0), rtol=1e-14)
    assert_allclose(loss.pull(Y, F), np.exp(-40.0) * np.array([[1.0, -1.0]]))
    R = loss.feasible(Y, loss.pull(Y, F))
    assert_allclose(R, loss.pull(Y, F), rtol=1e-14)


@every
@pytest.mark.parametrize("size", [1e-3, 1.0, 50.0])
def test_feasible_is_in_the_domain_and_keeps_what_is(loss, size):
    Y, F = points(loss, soft=True)
    R = loss.feasible(Y, size * np.random.default_rng(3).normal(size=F.shape))
    U = Y - R
    if loss.name in ("poisson", *CLASSES):
        assert np.all(U >= -1e-15)
    if loss.name == "logistic":
        assert np.all(U <= 1.0 + 1e-15)
    if loss.name == "multinomial":
        assert_allclose(U.sum(axis=1), 1.0, rtol=1e-14)
    if loss.name in ("huber", "quantile"):
        assert np.all((loss.low <= R) & (loss.high >= R))
    assert_allclose(loss.feasible(Y, R), R, rtol=1e-14, atol=1e-15)
    P = loss.pull(Y, F)
    assert_allclose(loss.feasible(Y, P), P, rtol=1e-14, atol=1e-15)


def test_multinomial_duals_far_from_the_simplex():
    loss, Y = make_net_loss("multinomial"), np.eye(2)
    assert_array_equal(loss.feasible(Y, np.full((2, 2), 3.0)), np.zeros((2, 2)))
    R = np.array([[-1e9, 5.0], [1.0, 1.0 - 1e-9]])
    assert_allclose(loss.feasible(Y, R), np.zeros((2, 2)), atol=1e-15)
    R = np.array([[5.0, -1e-9], [-1e-9, 5.0]])
    assert_allclose(loss.feasible(Y, R), [[1.0, -1.0], [-1.0, 1.0]], rtol=1e-14)


@every
@pytest.mark.parametrize("soft", [False, True])
def test_null_output_is_best(loss, soft):
    Y, _ = points(loss, soft=soft)
    w = np.random.default_rng(4).random(N)
    w[:5] = 0.0
    best = loss.null_output(Y, w)
    assert best.shape == (D,)

    def objective(c):
        return float(w @ loss.value(Y, np.broadcast_to(c, Y.shape)))

    for unit in np.eye(D):
        # Each loss is smooth or separable: the best along coordinates is the best.
        other = minimize_scalar(lambda t, u=unit: objective(best + t * u))
        assert objective(best) <= other.fun + 1e-12 * (1.0 + other.fun)
    if loss in SMOOTH:
        assert_allclose(w @ loss.pull(Y, best + np.zeros_like(Y)), 0.0, atol=1e-11)
    if loss.name == "multinomial":
        assert_allclose(best.sum(), 0.0, atol=1e-14)


@every
@pytest.mark.parametrize("which", [0, 1])
def test_null_output_of_equal_targets_is_finite(loss, which):
    Y = np.tile(np.eye(D)[which], (7, 1))
    best = loss.null_output(Y, np.ones(7))
    assert np.all(np.isfinite(best))
    assert_allclose(loss.value(Y, best + np.zeros_like(Y)), 0.0, atol=1e-11)


@every
def test_degree(loss):
    Y, F = points(loss)
    s = 3.0
    if loss.degree == 0:
        assert loss.name in ("poisson", *CLASSES)
        return
    scaled = make_net_loss(loss.name, QUANTILE, s * DELTA)
    if label(loss).endswith("smoothed"):
        scaled = scaled.smoothed(s * WIDTH)
    wanted = s**loss.degree * loss.value(Y, F)
    assert_allclose(scaled.value(s * Y, s * F), wanted, rtol=1e-13)


def test_smoothed_quantile_is_near_the_true_one():
    loss = make_net_loss("quantile", QUANTILE)
    soft, e = loss.smoothed(WIDTH), np.linspace(-1.0, 1.0, 2001)[:, None]
    less = loss.value(e, np.zeros_like(e)) - soft.value(e, np.zeros_like(e))
    assert np.all(less >= -1e-15)
    assert_allclose(np.max(less), QUANTILE**2 * WIDTH / 2, rtol=1e-12)
    assert np.all(np.isinf(loss.majorant(e, e)))
    assert_array_equal(loss.curvature(e, e), np.zeros(len(e)))
    assert_allclose(soft.curvature(e, e), 1.0 / WIDTH)


@every
def test_smoothed_leaves_smooth_losses_alone(loss):
    assert (loss.smoothed(0.1) is loss) == (loss.name != "quantile")
    if loss.name == "quantile":
        with pytest.raises(ValueError, match="width must be a finite number"):
            loss.smoothed(0.0)


@every
def test_rows_are_independent_and_single_outputs_work(loss):
    Y, F = points(loss)
    first = loss.value(Y[:1], F[:1]), loss.curvature(Y[:1], F[:1])
    assert_allclose(first[0], loss.value(Y, F)[:1], rtol=1e-14)
    assert_allclose(first[1], loss.curvature(Y, F)[:1], rtol=1e-14)
    one = np.ones((4, 1))
    assert loss.value(one, one).shape == loss.curvature(one, one).shape == (4,)
    assert loss.pull(np.empty((0, D)), np.empty((0, D))).shape == (0, D)
    assert loss.value(np.empty((0, D)), np.empty((0, D))).shape == (0,)


@every
def test_targets_that_fit_pass(loss):
    for soft in (False, True):
        assert loss.check_targets(points(loss, soft=soft)[0]) is None


@pytest.mark.parametrize(
    ("name", "Y", "message"),
    [
        ("poisson", [[1.0, -2.0]], r"must be >= 0; got -2.0 in row 0 \(1 in all\)"),
        ("poisson", [[np.nan]], "must be >= 0; got nan"),
        ("logistic", [[0.0], [1.5], [-1.0]], r"\[0, 1\]; got 1.5 in row 1 \(2 in all"),
        ("multinomial", [[1.0, 0.0], [2.0, 1.0]], r"\[0, 1\]; got 2.0 in row 1"),
        ("multinomial", [[1.0, 0.0], [0.5, 0.0]], "sum to 1; got 0.5 in row 1"),
    ],
)
def test_other_targets_are_refused(name, Y, message):
    with pytest.raises(ValueError, match=message):
        make_net_loss(name).check_targets(np.array(Y))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("hinge",), ValueError, "loss must be one of"),
        (("quantile", 1.0), ValueError, "strictly between 0 and 1"),
        (("quantile", 0.0), ValueError, "quantile must be"),
        (("huber", 0.5, "1"), TypeError, "delta must be a real number"),
    ],
)
def test_other_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        make_net_loss(*arguments)
