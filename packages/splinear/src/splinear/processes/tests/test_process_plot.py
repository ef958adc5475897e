"""Pictures show what was drawn."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from splinear.processes import CenteredBox, RandomReLUProcess, plot_realisation
from splinear.processes.plot import square_grid


def test_from_above_it_shows_gradients_or_values():
    net = RandomReLUProcess(2, 5.0).sample(CenteredBox([1.0, 0.5]), 0)
    grid, _ = square_grid(net.domain.half_widths, 16)
    shown = plot_realisation(net, pixels=16).images[0]
    slopes = np.linalg.norm(net.gradient(grid), axis=1)
    assert_allclose(shown.get_array().ravel(), slopes)
    assert_array_equal(shown.get_extent(), [-1.0, 1.0, -0.5, 0.5])
    shown = plot_realisation(net, kind="value", pixels=16).images[0]
    assert_allclose(shown.get_array().ravel(), net(grid))


def test_a_ball_is_drawn_on_the_square_inside():
    net = RandomReLUProcess(2, 5.0).sample(2.0, 0)
    left = plot_realisation(net, pixels=8).images[0].get_extent()[0]
    assert_allclose(left, -np.sqrt(2.0), rtol=1e-9)


def test_surfaces_and_curves_are_drawn():
    net = RandomReLUProcess(2, 5.0).sample(1.0, 0)
    assert plot_realisation(net, kind="surface", pixels=16).name == "3d"
    line = RandomReLUProcess(1, 5.0).sample(1.0, 0)
    x, y = plot_realisation(line).lines[0].get_data()
    assert_allclose(y, line(x))


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(
        ValueError, match="one or two columns are drawn; this one has 3"
    ):
        plot_realisation(RandomReLUProcess(3, 1.0).sample(1.0, 0))
    net = RandomReLUProcess(2, 1.0).sample(1.0, 0)
    with pytest.raises(ValueError, match="kind must be"):
        plot_realisation(net, kind="contour")
    with pytest.raises(ValueError, match="pixels must be"):
        plot_realisation(net, pixels=1)


LIST = """
import sys, splinear.processes
early = {"numba", "sklearn", "scipy", "matplotlib"} & set(sys.modules)
from splinear.processes import *
print(early or "none", {"torch", "matplotlib.pyplot"} & set(sys.modules) or "none")
"""


def test_importing_loads_nothing_early_and_torch_never():
    run = subprocess.run(
        [sys.executable, "-c", LIST], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["none", "none"]
