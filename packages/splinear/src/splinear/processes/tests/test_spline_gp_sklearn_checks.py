"""scikit-learn's own checks, without exceptions."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from splinear.processes import CubicSplineGP


@parametrize_with_checks([CubicSplineGP(), CubicSplineGP(noise=0.1, variance=1.0)])
def test_it_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
