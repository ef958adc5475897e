"""``splinear attention bench | demo``: what a sparse cache buys, on models made here."""

import argparse
import importlib.util
import time
from typing import Any

#: Sizes of a run: full is what the experiments use, quick is for a first look.
LAST = {False: (256, 16, 24, 16), True: (48, 8, 16, 32)}
#: Pass-key teachers of the demonstration, and bytes of their haystack.
QUICK_BYTES = ((72, 32, 0.95, 250, 1.0),)
FULL_BYTES = ((64, 64, 0.97, 2500, 1.0), (128, 32, 0.97, 400, 1.0))


def add(commands: Any) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "attention",
        help="recall of linear attention with a sparse cache (LoLA)",
        description="LoLA on small models that are trained here, from generated data.",
    )
    parser.set_defaults(run=lambda args: _help(parser))
    actions = parser.add_subparsers(dest="action", metavar="action")
    _add_bench(actions)
    _add_demo(actions)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _add_bench(actions: Any) -> None:
    bench = actions.add_parser(
        "bench",
        help="recall at equal bytes: no cache, wider window, every score, oracle",
        description=(
            "Train a two-layer model on associative recall, convert it, and compare "
            "ways of spending the same bytes. About two minutes; --quick: seconds."
        ),
    )
    bench.add_argument("--window", type=int, default=16, help="pairs of the window")
    bench.add_argument("--cache", type=int, default=32, help="pairs of the cache")
    bench.add_argument("--pairs", type=int, help="key-value pairs to be recalled")
    bench.add_argument(
        "--fillers", type=int, default=16, help="filler symbols: 1 is predictable"
    )
    bench.add_argument(
        "--equal-key-norms",
        action="store_true",
        help="normalise keys, so that none stands out by its length",
    )
    bench.add_argument("--rows", type=int, default=32, help="sequences to ask")
    _add_common(bench)
    bench.set_defaults(run=run_bench)


def _add_demo(actions: Any) -> None:
    demo = actions.add_parser(
        "demo",
        help="a pass-key in a haystack of bytes, found by generate",
        description=(
            "Train a byte-level Llama to find a pass-key, convert it, and let an "
            "unmodified generate answer with and without the sparse cache."
        ),
    )
    _add_common(demo)
    demo.set_defaults(run=run_demo)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of weights and data")
    parser.add_argument("--quick", action="store_true", help="shorter sequences")


def _require() -> None:
    missing = [n for n in ("torch", "transformers") if not importlib.util.find_spec(n)]
    if missing:
        raise ImportError(
            f"this command needs {' and '.join(missing)}: "
            "pip install 'splinear[transformers]'"
        )


def run_bench(args: argparse.Namespace) -> int:
    """Train, convert, compare, print a table.

    Raises
    ------
    ValueError
        If a size is out of range.
    """
    _require()
    for name, low in (("window", 1), ("cache", 0), ("rows", 1)):
        if getattr(args, name) < low:
            raise ValueError(
                f"--{name} must be at least {low}; got {getattr(args, name)}"
            )
    from splinear.attention.evaluation import MQARTask, compare
    from splinear.attention.evaluation.recaller import make_recaller

    last = LAST[args.quick]
    pairs = last[1] if args.pairs is None else args.pairs
    task = MQARTask(last[0], pairs, last[2], args.fillers)
    began = time.perf_counter()
    made = make_recaller(
        args.seed,
        equal_key_norms=args.equal_key_norms,
        window_size=args.window,
        last=last,
        transfer_steps=60 if args.quick else 200,
        fillers=(args.fillers,),
    )
    print(
        f"{pairs} pairs in {last[0]} tokens, {args.fillers} filler symbol(s), window "
        f"{args.window}; trained and converted in {time.perf_counter() - began:.0f} s"
    )
    batch = task.batch(args.rows, [args.seed, 4])
    found = compare(made.model, batch, args.window, args.cache)
    print("\n".join(bench_lines(found, made.teacher[args.fillers], batch)))
    return 0


def bench_lines(found: Any, teacher: float, batch: Any) -> list[str]:
    """Return the lines of the table."""
    count = batch.asks.numel()
    lines = [
        f"{'arm':28}{'recall %':>10}{'first ask %':>13}{'window':>8}{'cache':>7}"
        f"{'bytes':>9}",
        f"{'softmax, full KV':28}{100 * teacher:10.1f}",
    ]
    for name, outcome in found.items():
        recall, arm = outcome.recall, outcome.arm
        lines.append(
            f"{name:28}{100 * recall.token:10.1f}{100 * recall.first:13.1f}"
            f"{arm.window_size:8}{arm.sparse_cache_size:7}{outcome.nbytes:9,}"
        )
    error = 100 * 0.5 / count**0.5
    lines.append(f"{count} questions: standard errors up to {error:.1f} points")
    return lines


def run_demo(args: argparse.Namespace) -> int:
    """Train, convert, generate, print what was answered."""
    _require()
    from splinear.attention.config import LoLAConfig
    from splinear.attention.evaluation import PasskeyTask, kv_bytes, state_bytes
    from splinear.attention.evaluation.passkey_model import convert, train_byte_llama

    curriculum = QUICK_BYTES if args.quick else FULL_BYTES
    length, digits = curriculum[-1][0], 2 if args.quick else None
    began = time.perf_counter()
    model, _ = train_byte_llama(curriculum, n_digits=digits, seed=args.seed)
    print(f"a byte-level Llama, trained in {time.perf_counter() - began:.0f} s")
    task = PasskeyTask(length, n_digits=digits)
    batch = task.batch(1, [args.seed, 9], depth=0.1)
    prompt = batch.ids[:, : int(batch.asks[0, 0]) + 1]
    print(f"prompt ({prompt.shape[1]} bytes): {_text(prompt[0])!r}")
    print(f"  the key is       {_text(batch.answers[0])}")
    print(f"  softmax          {_ask(model, prompt, task.digits)}", end="")
    print(f"  {kv_bytes(model, length):,} bytes, growing")
    config = LoLAConfig(window_size=8, sparse_cache_size=16, chunk_size=4)
    convert(
        model,
        config,
        length=length,
        rows=16,
        steps=25 if args.quick else 100,
        n_digits=digits,
        seed=args.seed,
    )
    for name, size in (("LoLA", 16), ("without cache", 0)):
        model.set_lola(sparse_cache_size=size, score="salient_recall_error")
        print(f"  {name:15}  {_ask(model, prompt, task.digits)}", end="")
        print(f"  {state_bytes(model):,} bytes, constant")
    return 0


def _ask(model: Any, prompt: Any, count: int) -> str:
    said = model.generate(
        prompt,
        attention_mask=prompt.new_ones(prompt.shape),
        max_new_tokens=count,
        do_sample=False,
        pad_token_id=0,
    )
    return repr(_text(said[0, prompt.shape[1] :])).strip("'")


def _text(ids: Any) -> str:
    return bytes(ids.tolist()).decode("latin-1")
