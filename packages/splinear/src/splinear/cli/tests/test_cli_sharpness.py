"""``splinear sharpness``, as a user types it."""

import numpy as np
import pytest

from splinear.cli import main

LAYERS = {"W1": [[1.0, 2], [0, 1]], "W2": [[1.0, 0], [1, 1]], "W3": [[2.0, 0], [-1, 1]]}


def run(capsys, *words):
    status = main(["sharpness", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def factors(tmp_path):
    path = str(tmp_path / "factors.npz")
    np.savez(path, **{name: np.array(W) for name, W in LAYERS.items()})
    return path


def value(out, name):
    line = next(line for line in out.splitlines() if line.strip().startswith(name))
    return line.strip().removeprefix(name).strip()


def test_everything_that_is_promised(capsys, factors):
    status, out, _ = run(capsys, factors)
    assert status == 0
    assert value(out, "sharpness") == "97.3636370105"
    assert value(out, "method") == "from J J^T, proven up to rounding"
    low, high = (float(word) for word in value(out, "bracket").strip("[]").split(","))
    assert low <= 97.3636370105 <= high <= low * (1.0 + 1e-11)
    assert value(out, "flattest").startswith("45.3908372568,")
    assert float(value(out, "flatness gap")) == pytest.approx(
        97.3636370105 / 45.3908372568
    )
    step = float(value(out, "largest step").split(",")[0])
    assert step == pytest.approx(2.0 / 97.3636370105, rel=1e-5)


def test_order_is_that_of_the_file_or_of_the_names(capsys, tmp_path):
    path = str(tmp_path / "mixed.npz")
    arrays = {name: np.array(LAYERS[name]) for name in ("W2", "W3", "W1")}
    np.savez(path, **arrays)
    assert value(run(capsys, path)[1], "sharpness") != "97.3636370105"
    named = run(capsys, path, "--layers", "W1", "W2", "W3")[1]
    assert value(named, "sharpness") == "97.3636370105"


def test_positional_arrays_keep_their_order_beyond_ten(capsys, tmp_path):
    path = str(tmp_path / "many.npz")
    layers = [np.ones((i + 2, i + 1)) for i in range(12)]
    np.savez(path, *layers)
    assert run(capsys, path)[1].startswith("12 layers, 13 x 12 x")


def test_loss_scale(capsys, factors):
    out = run(capsys, factors, "--loss-scale", "0.5")[1]
    assert value(out, "sharpness") == "48.6818185052"


def test_target_of_the_file_or_of_another(capsys, tmp_path):
    path, other = str(tmp_path / "f.npz"), str(tmp_path / "m.npy")
    np.savez(path, W=np.eye(2), M=np.zeros((2, 2)))
    np.save(other, np.zeros((2, 2)))
    for target in ("M", other):
        words = [path, "--layers", "W", "--target", target]
        out = run(capsys, *words)[1]
        assert value(out, "residual") == "1.41421"
        assert "nothing to compare" in value(out, "flattest")
    assert run(capsys, path, "--target", "M")[1].startswith("1 layers, 2 x 2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layers", "W1", "W9"], "has no layer W9; it has W1, W2, W3"),
        (["--target", "nothing"], "--target nothing is no array of"),
        (["--layers", "W1"] + ["--loss-scale", "0"], "loss_scale must be"),
    ],
)
def test_refusals(capsys, factors, words, message):
    status, _, err = run(capsys, factors, *words)
    assert status == 2
    assert message in err


def test_files_that_are_none(capsys, tmp_path):
    text, single = tmp_path / "a.npz", tmp_path / "b.npy"
    text.write_text("layers")
    np.save(single, np.eye(2))
    for path in (text, single):
        status, _, err = run(capsys, str(path))
        assert status == 2
        assert "is no .npz file of layers" in err
    status, _, err = run(capsys, str(tmp_path / "none.npz"))
    assert status == 2
    assert "No such file" in err


def test_layers_that_do_not_chain(capsys, tmp_path):
    path = str(tmp_path / "f.npz")
    np.savez(path, np.ones((2, 3)), np.ones((2, 3)))
    status, _, err = run(capsys, path)
    assert status == 2
    assert "must chain" in err
