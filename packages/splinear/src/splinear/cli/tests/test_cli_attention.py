"""``splinear attention``, as a user types it."""

import subprocess
import sys

import pytest

from splinear.cli import attention, main


def run(capsys, *words):
    status = main(["attention", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_help_names_both_actions(capsys):
    status, out, _ = run(capsys)
    assert status == 0
    assert "bench" in out
    assert "demo" in out


def test_describing_the_command_imports_no_torch():
    code = (
        "import sys; from splinear.cli import main; main(['attention']); "
        "sys.exit('torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_missing_extra_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr(attention.importlib.util, "find_spec", lambda name: None)
    for action in ("bench", "demo"):
        status, _, err = run(capsys, action)
        assert status == 2
        assert "needs torch and transformers: pip install" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "0"], "--window must be at least 1; got 0"),
        (["--cache", "-1"], "--cache must be at least 0; got -1"),
        (["--rows", "0"], "--rows must be at least 1; got 0"),
        (["--pairs", "500"], "length must be at least"),
        (["--fillers", "99"], "n_fillers at most max_fillers"),
    ],
)
def test_refusals(capsys, words, message):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    status, _, err = run(capsys, "bench", "--quick", *words)
    assert status == 2
    assert message in err


@pytest.mark.slow
def test_bench_shows_that_the_cache_recalls(capsys):
    pytest.importorskip("transformers")
    status, out, _ = run(capsys, "bench", "--quick", "--window", "4", "--cache", "8")
    assert status == 0
    shares = {line[:28].strip(): float(line[28:38]) for line in out.splitlines()[2:-1]}
    assert shares["softmax, full KV"] > 95
    # 512 questions: a difference has a standard error of 3 points at most.
    assert shares["salient_recall_error"] > shares["no cache"] + 20
    assert shares["salient_recall_error"] > shares["wider window"] + 8
    assert shares["salient_recall_error"] > shares["random"] + 15


@pytest.mark.slow
def test_demo_answers_with_generate(capsys):
    pytest.importorskip("transformers")
    status, out, _ = run(capsys, "demo", "--quick")
    assert status == 0
    answers = {
        line[:17].strip(): line[19:21] for line in out.splitlines() if "bytes," in line
    }
    key = out.partition("the key is")[2].split()[0]
    assert len(key) == 2
    assert answers["softmax"] == key
    assert answers["LoLA"] == key
