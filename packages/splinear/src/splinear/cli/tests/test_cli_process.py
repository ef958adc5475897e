"""``splinear process sample`` as a user types it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from splinear.cli import main
from splinear.processes import (
    CenteredBox,
    Gaussian,
    RandomReLUNetwork,
    RandomReLUProcess,
    SymmetricStable,
    count_linear_regions,
)


def run(capsys, *words):
    status = main(["process", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_command_of_the_issue_writes_a_picture(tmp_path, capsys):
    path = tmp_path / "out.png"
    words = ["sample", "--dim", "2", "--rate", "100", "--plot", str(path)]
    status, out, err = run(capsys, *words)
    assert (status, err) == (0, "")
    assert path.read_bytes().startswith(b"\x89PNG")
    net = RandomReLUProcess(2, 100.0, Gaussian(0.1)).sample(1.0, 0)
    assert f"neurons      {net.n_neurons:,}; 1,256.64 expected" in out
    assert f"regions      {count_linear_regions(net):,}; " in out
    assert f"picture written to {path}" in out


def test_neurons_are_kept_and_rebuild_the_realisation(tmp_path, capsys):
    path = tmp_path / "net.npz"
    words = ["sample", "--rate", "10", "--law", "stable", "--alpha", "1.25"]
    words += ["--half-width", "2", "--seed", "7", "--out", str(path)]
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert "deviation    infinite; scale of the stable limit" in out
    kept = np.load(path)
    net = RandomReLUNetwork(
        kept["directions"],
        kept["thresholds"],
        kept["weights"],
        CenteredBox(kept["half_widths"]),
    )
    law = SymmetricStable(1.25, 10.0 ** (-1.0 / 1.25))
    same = RandomReLUProcess(2, 10.0, law).sample(CenteredBox([2.0, 2.0]), 7)
    X = np.random.default_rng(0).uniform(-2.0, 2.0, (50, 2))
    assert_array_equal(net(X), same(X))


def test_other_dimensions_laws_and_kinds(tmp_path, capsys):
    path = str(tmp_path / "a.svg")
    words = ["sample", "--rate", "5", "--plot", path, "--pixels", "20"]
    assert run(capsys, *words, "--dim", "1", "--law", "rademacher")[0] == 0
    assert run(capsys, *words, "--kind", "surface", "--radius", "2")[0] == 0
    status, out, _ = run(capsys, "sample", "--rate", "2", "--dim", "5", "--scale", "3")
    assert status == 0
    assert "Gaussian(scale=3.0) weights at rate 2 in dimension 5" in out


def test_without_an_action_it_says_what_there_is(capsys):
    status, out, _ = run(capsys)
    assert status == 0
    assert "sample" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rate", "1", "--dim", "3", "--plot", "x.png"], "--plot draws one or two"),
        (["--rate", "1", "--alpha", "1.5"], "give both or neither"),
        (["--rate", "1", "--law", "stable"], "give both or neither"),
        (["--rate", "1", "--law", "stable", "--alpha", "0.5"], "alpha must be"),
        (["--rate", "-1"], "rate must be"),
        (["--rate", "1", "--radius", "0"], "radius must be"),
        (["--rate", "1", "--dim", "0"], "dim must be"),
        (["--rate", "1e12"], "neurons are expected"),
    ],
)
def test_refusals_are_one_sentence(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, "sample", *words)
    assert status == 2
    assert err.startswith("splinear process: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
