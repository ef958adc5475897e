"""The parsers under a coverage-guided fuzzer, where one installs.

    python -m private_presence.protocol.tests.fuzz_parsers -max_total_time=60

The first byte of an input chooses the parser; the rest is its message.  Anything that
`check` does not expect, an undeclared exception or a second spelling, stops the run.
"""

import sys
import tempfile
from pathlib import Path


def corpus(folder, samples):
    for i, sample in enumerate(samples):
        Path(folder, f"sample {i}").write_bytes(bytes([i]) + sample)


def main(arguments):
    try:
        import atheris
    except ImportError:
        sys.exit(
            "atheris is not installed: pip install atheris, in an environment apart"
        )
    with atheris.instrument_imports(include=["private_presence"]):
        from private_presence.protocol.tests.test_parsers import PARSERS, check

    parsers = list(PARSERS.values())

    def one(data):
        if data:
            check(parsers[data[0] % len(parsers)], data[1:])

    with tempfile.TemporaryDirectory() as folder:
        corpus(folder, [parser.sample for parser in parsers])
        atheris.Setup([*arguments, folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
