"""One way in: ``python3 dev.py demo`` and ``python3 dev.py test``.

Standard library only, and old syntax only, so that a Python that is too old can
still read the sentence saying so.  See ``USAGE`` for the commands.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

USAGE = """\
usage: python3 dev.py demo                   fit real data, print the certificate
       python3 dev.py test [--slow] [...]    tests, doctests, gallery; rest to pytest
       python3 dev.py style                  ruff, pyright, codespell
       python3 dev.py splinear ...           any command of the learning library
       python3 dev.py presence ...           any command of private-presence"""

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMPS = VENV / "stamps"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CONSTRAINTS = ROOT / "constraints.txt"
PYPROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("packages/*/pyproject.toml"))]
OLDEST = (3, 11)

# Command -> what it needs: extras of either package, groups of the root pyproject.
EXTRAS = ("plot", "io", "onnx", "transformers")
PRESENCE_EXTRAS = ("server", "postgresql", "keyring")
NEEDS = {
    "demo": ("plot",),
    "splinear": ("plot", "io"),
    "presence": ("server",),
    "test": (*EXTRAS, *PRESENCE_EXTRAS, "test"),
    "style": (*EXTRAS, *PRESENCE_EXTRAS, "test", "style"),
}


def main(words):
    """Run the command that `words` name; return its exit status."""
    if not words or words[0] not in NEEDS:
        print(USAGE)
        return 0 if words and words[0] in ("-h", "--help", "help") else 2
    check_python()
    command, rest = words[0], words[1:]
    install(NEEDS[command])
    if command == "style":
        return style()
    if command == "test":
        say_if_torch_is_huge()
        return run(pytest_words(rest), parallel_environment())
    if command == "demo":
        return run([str(BIN / "splinear"), "demo", *rest], environment())
    return run([str(BIN / command), *rest], environment())


# --- the commands ---------------------------------------------------------------


def pytest_words(rest):
    """Return pytest's command line: not `slow` unless asked, two workers unless told."""
    words = [str(PYTHON), "-m", "pytest"]
    if not any(word.startswith(("-n", "--pdb", "--collect")) for word in rest):
        words += ["-n", "2", "--dist", "worksteal"]
    if "--slow" not in rest:
        words += ["-m", "not slow"]
    return words + [word for word in rest if word != "--slow"]


def style():
    """Run every style check, also after one has failed; return 1 if any did."""
    checks = [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["pyright"],
        ["codespell"],
    ]
    failed = [" ".join(check[:2]) for check in checks if not passes(check)]
    print("style: " + ("failed: " + ", ".join(failed) if failed else "all good"))
    return 1 if failed else 0


def passes(words):
    """Say what is run, run it in the environment, and tell whether it succeeded."""
    print("$ " + " ".join(words), flush=True)
    program = [str(BIN / words[0]), *words[1:]]
    return subprocess.call(program, env=environment(), cwd=str(ROOT)) == 0


def run(words, env):
    """Hand the process over to `words`, so that Ctrl-C reaches only them."""
    sys.stdout.flush()
    if os.name == "nt":
        return subprocess.call(words, env=env)
    return os.execve(words[0], words, env)


def environment():
    """Return the variables under which every command runs."""
    env = dict(os.environ)
    env["PATH"] = str(BIN) + os.pathsep + env.get("PATH", "")
    env["VIRTUAL_ENV"] = str(VENV)
    env["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"  # "a newer version exists" is no news
    env.pop("PYTHONHOME", None)
    # Kernels compile once per machine, not once per run.
    env.setdefault("NUMBA_CACHE_DIR", str(VENV / "numba-cache"))
    return env


def parallel_environment():
    """Return `environment()` with one BLAS thread: two workers fill two cores."""
    env = environment()
    env.setdefault("OMP_NUM_THREADS", "1")
    env.setdefault("OPENBLAS_NUM_THREADS", "1")
    return env


# --- the environment in .venv ----------------------------------------------------


def install(needs):
    """Make sure that .venv holds both packages with `needs`.

    A stamp per set of needs holds the hash of what decides the installation, so that
    the second call starts at once.
    """
    wanted = fingerprint()
    if PYTHON.exists() and any(covers(stamp, needs, wanted) for stamp in stamps()):
        return
    make_venv()
    print("installing into .venv (once; the first time takes a minute or two)")
    sys.stdout.flush()
    pip_install(needs)
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / "-".join(("packages", *needs))).write_text(wanted)


def stamps():
    """List what has been installed, one file each; its name says which needs."""
    return list(STAMPS.iterdir()) if STAMPS.exists() else []


def covers(stamp, needs, wanted):
    """Tell whether `stamp` is of now and holds at least `needs`."""
    return set(needs) <= set(stamp.name.split("-")) and stamp.read_text() == wanted


def fingerprint():
    """Return a hash of the pyprojects, the constraints and the place of the folder."""
    digest = hashlib.sha256(str(ROOT).encode())  # editable installs point here
    for path in [*PYPROJECTS, CONSTRAINTS]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def make_venv():
    """Create .venv where there is none that runs."""
    if PYTHON.exists() and has_pip():
        return
    try:
        import ensurepip  # noqa: F401 (only asked whether it is there)
        import venv

        print("making .venv with " + sys.executable)
        venv.create(str(VENV), with_pip=True, clear=True)
    except (ImportError, subprocess.CalledProcessError):
        stop(
            "this Python can make no virtual environment: its `venv` comes without a "
            "working `ensurepip`. On Debian and Ubuntu: sudo apt install python3-venv"
        )


def has_pip():
    """Tell whether .venv's Python runs and has pip: an interrupted start leaves none."""
    words = [str(PYTHON), "-c", "import pip"]
    return subprocess.call(words, stderr=subprocess.DEVNULL) == 0


def pip_install(needs):
    """Install both packages editable, with the wanted extras and groups."""
    words = [str(PYTHON), "-m", "pip", "install", "--quiet", "-c", str(CONSTRAINTS)]
    words += ["--disable-pip-version-check"]
    words += ["-e", with_extras("splinear", set(needs) & set(EXTRAS))]
    words += ["-e", with_extras("private-presence", set(needs) & set(PRESENCE_EXTRAS))]
    for group in set(needs) - set(EXTRAS) - set(PRESENCE_EXTRAS):
        words += dependency_group(group)
    if subprocess.call(words, stdin=subprocess.DEVNULL) != 0:
        stop(
            "pip failed (its message is above). Without a network it cannot work; "
            "otherwise remove .venv and try again. The command was:\n  "
            + " ".join(words)
        )


def with_extras(package, extras):
    """Return the folder of a package with the extras that pip is to install."""
    folder = str(ROOT / "packages" / package)
    return folder + "[" + ",".join(sorted(extras)) + "]" if extras else folder


def dependency_group(name):
    """Return the requirements listed under ``[dependency-groups]`` as `name`."""
    import tomllib  # Python 3.11 has it, and check_python ran before

    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["dependency-groups"][name]


# --- what goes wrong, in words ----------------------------------------------------


def check_python():
    """Stop with a sentence when the running Python is too old."""
    if sys.version_info[:2] < OLDEST:
        stop(
            "Python {}.{} or newer is needed, and this is {}.{} ({}). Start dev.py with "
            "a newer one, for example: python3.12 dev.py test".format(
                *OLDEST, *sys.version_info[:2], sys.executable
            )
        )


def say_if_torch_is_huge():
    """Say in a line when the torch in .venv is a CUDA build of gigabytes."""
    for path in VENV.glob("lib*/**/site-packages/torch/version.py"):
        cuda = re.search(r"^cuda\b.*= '([\d.]+)'", path.read_text(), re.MULTILINE)
        if cuda:
            print(
                f"note: torch in .venv is a CUDA {cuda.group(1)} build, which takes "
                "gigabytes; on a machine without a GPU, remove it and install the CPU "
                "build that the selector on PyTorch's page 'Get Started' names"
            )


def stop(sentence):
    """Leave with `sentence` and status 1."""
    sys.exit("dev.py: " + sentence)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
