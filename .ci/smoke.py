"""What a stranger does first, against the installed wheels.

Run by ``.ci/run`` in an environment that holds the two wheels and nothing of the
repository.
"""

import subprocess
import sys
from pathlib import Path

LIST_HEAVY = """
import sys, splinear
print([m for m in ("torch", "numba", "sklearn", "scipy") if m in sys.modules])
"""


def main():
    import_is_light()
    versions_agree()
    fits()
    presence_says_what_it_lacks()
    print("smoke: good")


def import_is_light():
    assert output(sys.executable, "-c", LIST_HEAVY) == "[]"


def versions_agree():
    import private_presence
    import splinear

    for module in (splinear, private_presence):
        assert "site-packages" in module.__file__, module.__file__
        assert Path(module.__file__).with_name("py.typed").exists()
    assert private_presence.__version__ in output(script("presence"), "--version")
    assert splinear.__version__ in output(script("splinear"), "--version")


def presence_says_what_it_lacks():
    run = subprocess.run(
        [script("presence"), "demo"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1, run
    assert "pip install 'private-presence[server]'" in run.stderr, run.stderr


def fits():
    import numpy as np

    import splinear

    x = np.linspace(-1.0, 1.0, 41)
    result = splinear.fit_spline(x, np.abs(x), alpha=1e-3)
    assert result.converged, result.status.value
    assert result.certificate.relative_gap <= 1e-6
    np.testing.assert_allclose(result.value.knots, [0.0], atol=1e-12)
    model = splinear.AdaptiveSplineRegressor().fit(x[:, None], np.abs(x))
    assert model.score(x[:, None], np.abs(x)) > 0.99


def script(name):
    return str(Path(sys.executable).with_name(name))


def output(*words):
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    return run.stdout.strip()


if __name__ == "__main__":
    main()
