"""LoLA beside softmax attention with full KV, and beside itself without sparse cache.

``python benchmarks/attention.py [--threads 1] [--out FOLDER]`` times one layer of the
shape of Llama-3.1-8B (32 query heads, 8 KV heads of 128) in float32: decoding at 4K and
32K, prefill, latency over 50 000 tokens, and counts bytes. Whatever is compared is timed
in turns, and the least time of each is taken. The softmax baseline is the faster of
`scaled_dot_product_attention` with grouped heads and with repeated ones. Exits with 1
where a figure misses its LIMITS; the figures that have no limit are printed beside.
"""

import argparse
import sys
import time
from functools import partial

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as sdpa

from _harness import RESULTS, Bench, interleaved
from splinear.attention import (
    LoLAConfig,
    LoLAHeads,
    LoLAState,
    decode_step,
    hybrid_attention_chunkwise,
)

HEADS, KV_HEADS, DIM = 32, 8, 128
#: Least or greatest value of each figure: what the issue asks.
LIMITS = {
    "decode 4K, softmax / LoLA": (1.5, None),
    "decode 32K, softmax / LoLA": (8.0, None),
    "bytes 4K bfloat16, full KV / LoLA": (5.5, None),
    "prefill 8K, softmax (math) / LoLA": (1.5, None),
    "decode, LoLA / no cache": (None, 1.25),
    "prefill, LoLA / no cache": (None, 1.5),
    "bytes after 20K / after 5K": (1.0, 1.0),
    "latency at 50K / at 5K": (None, 1.05),
}


def heads_of(window=256, cache=256, chunk=64, heads=HEADS, kv_heads=KV_HEADS):
    config = LoLAConfig(window_size=window, sparse_cache_size=cache, chunk_size=chunk)
    return LoLAHeads(heads, kv_heads, DIM, config)


def tokens(length, heads=HEADS, kv_heads=KV_HEADS, dtype=torch.float32):
    counts = (heads, kv_heads, kv_heads)
    return [torch.randn(1, n, length, DIM, dtype=dtype) for n in counts]


def filled(heads, length, state=None, step=2048):
    """A state that has seen `length` random tokens."""
    _, k, v = tokens(1, heads.query_heads, heads.kv_heads)
    state = LoLAState.empty(heads, k, v) if state is None else state
    for start in range(0, length, step):
        n = min(step, length - start)
        q, k, v = tokens(n, heads.query_heads, heads.kv_heads)
        hybrid_attention_chunkwise(q, k, v, heads, state)
    return state


def decoder(heads, state):
    """A call that decodes one whole chunk: 64 steps and one update."""
    q, k, v = tokens(1)

    def call():
        for _ in range(heads.config.chunk_size):
            decode_step(q, k, v, heads, state)

    return call


def softmax_decoders(length):
    """Four steps over full KV, with grouped and with repeated heads."""
    q, k, v = tokens(1)[0], *tokens(length)[1:]
    group = HEADS // KV_HEADS
    wide = [t.repeat_interleave(group, 1) for t in (k, v)]

    def call(keys, values, **how):
        for _ in range(4):
            sdpa(q, keys, values, **how)

    return {
        "grouped": partial(call, k, v, enable_gqa=True),
        "repeated": partial(call, *wide),
    }


def check(bench, name, value, **more):
    low, high = LIMITS.get(name, (None, None))
    met = (low is None or value >= low) and (high is None or value <= high)
    limit = "" if name not in LIMITS else f"{low or ''}..{high or ''}"
    verdict = "" if name not in LIMITS else ("met" if met else "MISSED")
    bench.row(figure=name, value=float(value), limit=limit, verdict=verdict, **more)
    return met


def decode(bench, rounds):
    heads = heads_of()
    lola = decoder(heads, filled(heads, 4096))
    met = []
    for length, name in ((4096, "4K"), (32768, "32K")):
        least = interleaved(rounds, lola=lola, **softmax_decoders(length))
        soft = min(least["grouped"], least["repeated"]) / 4
        ours = least["lola"] / heads.config.chunk_size
        more = {"softmax_ms": soft * 1e3, "lola_ms": ours * 1e3}
        met.append(check(bench, f"decode {name}, softmax / LoLA", soft / ours, **more))
    return met


def against_no_cache(bench, rounds):
    """The same window without cache, and the window of equal bytes without cache."""
    kinds = {
        "lola": heads_of(),
        "base": heads_of(cache=0),
        "wide": heads_of(window=512, cache=0),
    }
    calls = {n: decoder(h, filled(h, 4096)) for n, h in kinds.items()}
    least = interleaved(rounds, **calls)
    part = tokens(2048)
    fill = {
        n: partial(hybrid_attention_chunkwise, *part, h, filled(h, 2048))
        for n, h in kinds.items()
    }
    prefill = interleaved(max(3, rounds // 3), **fill)
    met = []
    for what, found, per in (("decode", least, 64), ("prefill", prefill, 2048)):
        more = {f"{n}_ms": s / per * 1e3 for n, s in found.items()}
        ratio = found["lola"] / found["base"]
        met.append(check(bench, f"{what}, LoLA / no cache", ratio, **more))
        ratio = found["lola"] / found["wide"]
        check(bench, f"{what}, LoLA / window of equal bytes", ratio)
    return met


def whole_layer(bench, rounds):
    """The same ratios with the projections and the MLP of a decoder layer around."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from splinear.attention import linearize

    shape = LlamaConfig(
        vocab_size=256, hidden_size=4096, intermediate_size=14336,
        num_hidden_layers=1, num_attention_heads=HEADS, num_key_value_heads=KV_HEADS,
    )  # fmt: skip
    config = heads_of().config
    model = linearize(LlamaForCausalLM(shape).eval(), config)
    ids, calls, caches = torch.randint(0, 256, (1, 1024)), {}, {}

    def start(cache_size):
        model.set_lola(sparse_cache_size=cache_size)
        caches[cache_size] = model.make_cache()
        model(ids, cache=caches[cache_size], logits_to_keep=1)

    def steps(cache_size):
        model.set_lola(sparse_cache_size=cache_size)
        for _ in range(64):
            model(ids[:, :1], cache=caches[cache_size])

    for size in (0, 256):
        start(size)
        calls[f"decode_{size}"] = partial(steps, size)
        calls[f"prefill_{size}"] = partial(start, size)
    least = interleaved(max(2, rounds // 4), **calls)
    for what, per in (("decode", 64), ("prefill", 1024)):
        with_cache, without = least[f"{what}_256"], least[f"{what}_0"]
        more = {"lola_ms": with_cache / per * 1e3, "base_ms": without / per * 1e3}
        check(
            bench, f"{what} of a whole layer, LoLA / no cache", with_cache / without,
            **more,
        )  # fmt: skip


def prefill(bench):
    """8K tokens, 8 query heads and 2 KV heads: a matrix of logits fits in memory."""
    shape = (8, 2)
    heads = heads_of(heads=8, kv_heads=2)
    q, k, v = tokens(8192, *shape)
    k4, v4 = (t.repeat_interleave(4, 1) for t in (k, v))

    def softmax(backend):
        with sdpa_kernel(backend):
            sdpa(q, k4, v4, is_causal=True)

    least = interleaved(
        2,
        lola=partial(hybrid_attention_chunkwise, q, k, v, heads),
        math=partial(softmax, SDPBackend.MATH),
        flash=partial(softmax, SDPBackend.FLASH_ATTENTION),
    )
    more = {f"{n}_ms": s * 1e3 for n, s in least.items()}
    ratio = least["math"] / least["lola"]
    met = check(bench, "prefill 8K, softmax (math) / LoLA", ratio, **more)
    check(bench, "prefill 8K, softmax (fused) / LoLA", least["flash"] / least["lola"])
    return [met]


def bytes_held(bench):
    met = []
    for dtype in (torch.bfloat16, torch.float32):
        heads = heads_of()
        _, k, v = tokens(1, dtype=dtype)
        held = LoLAState.empty(heads, k, v).nbytes()
        for length, name in ((4096, "4K"), (32768, "32K"), (131072, "128K")):
            full = 2 * KV_HEADS * length * DIM * k.element_size()
            kind = str(dtype).removeprefix("torch.")
            more = {"full_kv_bytes": full, "lola_bytes": held}
            what = f"bytes {name} {kind}, full KV / LoLA"
            met.append(check(bench, what, full / held, **more))
    return met


def long_run(bench, rounds):
    """Real tokens all the way: 50 000 of them, two layers at 5K and 50K in turns."""
    heads = heads_of()
    short, sizes = filled(heads, 5000), {}
    sizes[5000] = short.nbytes()
    long = filled(heads, 20000)
    sizes[20000] = long.nbytes()
    long = filled(heads, 30000, long)
    least = interleaved(rounds, short=decoder(heads, short), long=decoder(heads, long))
    ratio = sizes[20000] / sizes[5000]
    same = check(bench, "bytes after 20K / after 5K", ratio, lola_bytes=long.nbytes())
    more = {f"{n}_ms": s / 64 * 1e3 for n, s in least.items()}
    ratio = least["long"] / least["short"]
    return [same, check(bench, "latency at 50K / at 5K", ratio, **more)]


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--out", default=RESULTS)
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    torch.manual_seed(0)
    bench, began = Bench("attention", words.out), time.perf_counter()
    met = [*bytes_held(bench), *decode(bench, words.rounds)]
    met += [*against_no_cache(bench, words.rounds), *prefill(bench)]
    met += long_run(bench, words.rounds)
    whole_layer(bench, words.rounds)
    bench.row(figure="seconds of this run", value=time.perf_counter() - began)
    bench.write()
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
