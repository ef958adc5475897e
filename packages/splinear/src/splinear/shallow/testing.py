"""Tests for those who add a family of neurons: say how to build it and what it is."""

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from splinear.core.testing import taylor_slope
from splinear.shallow.atoms import AtomFamily

Array = NDArray[np.float64]


class AtomFamilyConformance(ABC):
    """Subclass in a test file, give `build` and `naive`; pytest runs the rest."""

    @abstractmethod
    def build(self) -> AtomFamily:
        """Return the family."""

    @abstractmethod
    def naive(self, z: float) -> float:
        """Return ``rho(z)`` in the plainest way.

        Parameters
        ----------
        z : float
            Where.
        """

    def points(self) -> Array:
        """Return where to test: no kink among them, some far out."""
        inner = np.random.default_rng(0).normal(scale=3.0, size=40)
        return np.concatenate([inner, [-1e6, 1e6]])

    def test_equals_the_naive_one(self) -> None:
        """Compare with `naive`, at the kink too."""
        z = np.append(self.points(), 0.0)
        expected = [self.naive(float(value)) for value in z]
        # A power and a division: a few ulps.
        assert_allclose(self.build().evaluate(z, 0.0), expected, rtol=1e-14)

    def test_offsets_are_subtracted(self) -> None:
        """Check broadcasting over neurons."""
        rng = np.random.default_rng(1)
        Z, t = rng.normal(size=(5, 3)), rng.normal(size=3)
        for method in (self.build().evaluate, self.build().derivative):
            columns = [method(Z[:, [k]] - t[k], 0.0) for k in range(3)]
            # The same subtraction before the same function.
            assert_allclose(method(Z, t), np.hstack(columns), rtol=1e-15)

    def test_derivative_by_taylor_slope(self) -> None:
        """Check that remainders vanish to second order."""
        atoms = self.build()
        t = 0.5
        for z in (-2.0, 0.2, 0.9, 3.0):  # steps below 2^-8 cross no kink
            slope = taylor_slope(
                lambda x: float(atoms.evaluate(x, t)[0]),
                lambda x: atoms.derivative(x, t),
                np.array([z]),
                direction=[1.0],
            )
            assert slope > 1.9

    def test_homogeneity(self) -> None:
        """Check ``rho(s z) = s^p rho(z)``."""
        atoms, z = self.build(), self.points()
        for s in (1e-3, 2.0, 7.0):
            expected = s**atoms.homogeneity * atoms.evaluate(z, 0.0)
            # Rounding of s z, p times.
            assert_allclose(atoms.evaluate(s * z, 0.0), expected, rtol=1e-13)

    def test_parity_identity(self) -> None:
        """Check ``rho(-z) = s rho(z) + c z^p``."""
        atoms, z = self.build(), self.points()
        sign, c = atoms.parity
        power = z**atoms.homogeneity
        expected = sign * atoms.evaluate(z, 0.0) + c * power
        # Both terms are of the size of the power.
        error = np.abs(atoms.evaluate(-z, 0.0) - expected) / np.abs(power)
        assert_allclose(error, 0.0, atol=1e-13)

    def test_sides(self) -> None:
        """Check that the family is a power on either side."""
        atoms, z = self.build(), self.points()
        below, above = atoms.sides
        expected = np.where(z > 0.0, above, below) * z**atoms.homogeneity
        # A power and a division: a few ulps.
        assert_allclose(atoms.evaluate(z, 0.0), expected, rtol=1e-14)

    def test_unit_cost_is_the_jump_of_the_last_derivative(self) -> None:
        """Check the cost by p-th differences on either side of the kink."""
        atoms = self.build()
        p = atoms.homogeneity
        steps = np.arange(p + 1.0)
        signs = np.array([(-1.0) ** (p - j) * math.comb(p, j) for j in range(p + 1)])
        jump = signs @ atoms.evaluate(steps, 0.0) - signs @ atoms.evaluate(
            steps - p, 0.0
        )
        # Differences of small integers' powers: hardly any cancellation.
        assert_allclose(atoms.unit_cost, abs(jump), rtol=1e-12)
