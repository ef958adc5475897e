"""Gradient descent beside a minimum that is too sharp: times, ends, what is refused."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.factorization import (
    DeepMatrixFactorization,
    RegularizedMatrixFactorization,
    escape_time,
    simulate_escape,
    simulate_gradient_descent,
)

from . import oracles

CASES = [
    # layers, step, first passage of 1e-3, prediction, final sharpness
    (oracles.SCALAR, 0.237647, 698, 697.7, 8.3315),
    (oracles.SCALAR, 0.247059, 145, 145.0, 7.6894),
    (oracles.SCALAR, 0.282353, 42, 41.1, 5.748),
    (oracles.D, 0.048095, 698, 697.7, 41.1693),
    (oracles.D, 0.050000, 145, 145.0, 38.034),
    (oracles.D, 0.057143, 42, 41.1, 28.75),
    (oracles.C, 0.020747, 698, 697.7, 95.449),
    (oracles.C, 0.021569, 145, 145.0, 88.398),
    (oracles.C, 0.024650, 42, 41.1, 68.9),
    (oracles.B, 0.085, 353, 352.3, 23.3016),
]


class TestEscape:
    @pytest.mark.parametrize(("weights", "eta", "seen", "predicted", "end"), CASES)
    def test_time_and_final_sharpness(self, weights, eta, seen, predicted, end):
        run = simulate_escape(weights, eta, 20_000)
        assert run.time is not None
        assert abs(run.time - run.predicted_time) <= 2.0
        assert abs(run.time - seen) <= 2
        # The steps of the table have six digits, which move a time of 700 by 0.3.
        assert_allclose(run.predicted_time, predicted, atol=0.5)
        assert run.trajectory.ending == "settled"
        assert run.final_sharpness < 2.0 / eta
        # The sign of the eigenvector moves the fourth digit (up to 1 % at rho = 1.2).
        assert_allclose(run.final_sharpness, end, rtol=1e-2)

    def test_below_two_over_sharpness_it_returns(self):
        run = simulate_escape(oracles.C, 1.9 / 97.3636370105, 2000)
        assert run.time is None
        assert run.predicted_time == math.inf
        assert run.trajectory.distance.max() <= 1.001e-9
        assert_allclose(run.final_sharpness, run.sharpness, rtol=1e-9)

    def test_above_the_flattest_minimum_nothing_is_stable(self):
        run = simulate_escape(oracles.B, 0.088333, 5000)
        assert abs(run.time - run.predicted_time) <= 2.0
        assert run.trajectory.ending == "steps"
        # Spec: loss about 0.25, an oscillation.
        assert_allclose(run.trajectory.loss[-1000:].mean(), 0.25, atol=0.1)

    def test_divergence_is_said(self):
        run = simulate_escape(oracles.SCALAR, 4.0 / 8.5, 2000)
        assert run.trajectory.ending == "diverged"
        assert math.isnan(run.final_sharpness)

    def test_projection_flips_its_sign_and_grows_by_the_predicted_factor(self):
        run = simulate_escape(oracles.D, 0.05, 300)
        steps = run.trajectory.projection[
            20:120
        ]  # far from rounding and from curvature
        # 1e-9 beside layers of size 2: seven digits of the displacement are true.
        assert_allclose(steps[1:] / steps[:-1], 1.0 - 0.05 * 42.0, rtol=1e-4)

    def test_loss_scale(self):
        one = simulate_escape(oracles.D, 0.05, 300)
        half = simulate_escape(oracles.D, 0.1, 300, loss_scale=0.5)
        assert half.time == one.time
        assert_allclose(half.sharpness, one.sharpness / 2.0)


class TestGradientDescent:
    def test_small_starts_stay_in_the_trap_at_zero(self):
        """At depth 3 zero is a strict local minimum, whatever the target."""
        rng = np.random.default_rng(0)
        directions = [np.linalg.qr(rng.normal(size=(2, 2)))[0] for _ in range(3)]
        M = directions[2] @ directions[1] @ directions[0] @ np.diag([2.0, 0.5])
        best = RegularizedMatrixFactorization(3, 0.3).fit(M)
        for scale, want in ((0.1, 0.0), (1.0, 1.7511043865)):
            start = [scale * W for W in directions]
            run = simulate_gradient_descent(start, M, 0.02, 6000, [], weight_decay=0.3)
            product = DeepMatrixFactorization(run.weights).end_to_end()
            assert_allclose(np.linalg.norm(product, 2), want, atol=1e-6)
        assert_allclose(best.singular_values_[0], 1.7511043865, rtol=1e-10)

    def test_steps_are_those_of_autograd(self):
        torch = oracles.torch()
        weights = oracles.random_layers([2, 3, 2], 3)
        M, X = np.eye(2, 5), np.random.default_rng(0).normal(size=(2, 5))
        options = {"weight_decay": 0.1, "loss_scale": 0.5, "inputs": X}
        run = simulate_gradient_descent(weights, M, 0.01, 20, [], **options)
        W = [torch.tensor(w, requires_grad=True) for w in weights]
        optimiser = torch.optim.SGD(W, lr=0.01)
        losses = []
        for _ in range(21):
            optimiser.zero_grad()
            value = oracles.loss(W, M, **options)
            losses.append(float(value.detach()))
            value.backward()
            if len(losses) <= 20:
                optimiser.step()
        assert_allclose(run.loss, losses, rtol=1e-12)
        for ours, theirs in zip(run.weights, W, strict=True):
            assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10)

    def test_what_is_recorded(self):
        run = simulate_gradient_descent(
            oracles.C, np.eye(2), 1e-3, 25, ["sharpness"], sharpness_every=10
        )
        assert run.n_steps == 25
        assert run.distance is None
        assert run.projection is None
        assert list(run.sharpness_steps) == [0, 10, 20]
        assert run.sharpness.shape == (3,)
        with pytest.raises(ValueError, match="record must contain 'distance'"):
            run.first_passage(1e-3)

    def test_refusals(self):
        with pytest.raises(ValueError, match="record must name"):
            simulate_gradient_descent([[[1.0]]], [[1.0]], 0.1, 1, ["speed"])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="step_size"):
            simulate_gradient_descent([[[1.0]]], [[1.0]], 0.0, 1)
        with pytest.raises(ValueError, match="reference must have the shapes"):
            simulate_gradient_descent(
                [[[1.0]]], [[1.0]], 0.1, 1, reference=[[[1.0, 2.0]]]
            )


class TestEscapeTime:
    def test_known(self):
        assert_allclose(escape_time(1.1 * 2 / 5.0, 5.0, 1e-6, 1e-6 * 1.2**7), 7.0)
        assert escape_time(2 / 5.0, 5.0) == math.inf

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            ((0.0, 1.0), "step_size"),
            ((1.0, -1.0), "sharpness"),
            ((1.0, 3.0, 0.0), "radius"),
            ((1.0, 3.0, 1e-3, 1e-4), "threshold"),
        ],
    )
    def test_refusals(self, arguments, word):
        with pytest.raises(ValueError, match=word):
            escape_time(*arguments)
