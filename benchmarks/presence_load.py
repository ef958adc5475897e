"""Private presence under load, from a second process over loopback, as ratios.

``python benchmarks/presence_load.py [--folder results] [--users 100000] [--rounds 3]``
publishes a short and a long table of `--users` records each with a registrar and two
lookup servers, then starts each server in a process of its own, with one worker, behind
its real web layer: TLS 1.3 with one P-256 certificate, HTTP/2, tokens spent on disk,
answers signed.  This process is the clients.  Each lookup and each registration has a
connection of its own, as the protocol asks; a lookup fetches the manifest and asks one
real query of the XOR mode, half of which are seeds.  Rows, ratios, and their limits:

- *lookup, everybody's*: lookups begin at random times, as many a second as when all
  users look up once in a short epoch (ST), or in the time over which they spread what a
  long epoch brings (LT).  ``ratio`` is the kernel's CPU time over that of all of the
  server's processes; ``ratio_workers`` leaves the web process out.  The kernel gets the
  same batches, on one core: it is timed on just the sizes that the server formed.
  ``over_single`` compares with as many passes of the kernel for one query each.
- *lookup, bursts*: the same when 256 clients ask at once, so that batches are as large
  as they can be and the kernel is at its fastest.  Server and kernel have one core for
  wall times, the clients another, and connections exist before the time starts.
- *registration*: CPU time of one signature check and one token check, over that of the
  registrar's processes for an accepted registration, connection and commit included.
- *table*: CPU seconds to lay it out; wall and CPU seconds from the freeze until all
  servers serve it, on this one machine.  The limit is a tenth of a short epoch.
- *bytes*: TCP payload of one lookup, both servers and both ways, with everything: TLS,
  HTTP/2, manifests, tokens, signatures.  The formula, for the table's own largest
  bucket, has queries and answers only.  A handshake and a registration are one
  connection each.

CPU times do not depend on who else uses the machine, up to shared caches and to what
waking a process costs; p50, p99 and wall times do.  A row is the round whose ratio is
the median; ``low`` and ``high`` are those of all rounds.  Exits with 1 below a limit.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import numpy as np

import _presence_load_client as clients
import _presence_load_wire as wire
from _harness import RESULTS, Bench
from _presence_load_kernel import BURST, Kernel
from _presence_load_place import (
    CONFIG,
    DAY,
    EPOCH,
    KEYS,
    RNG,
    TABLES,
    lookup_token,
    post_of,
    publish_tables,
    records_of,
)
from _presence_load_process import cost, one_core, serving
from private_presence.client.plan import first_span
from private_presence.primitives.blinding import record_message, verify
from private_presence.primitives.kdf import u32
from private_presence.primitives.tokens import Role, check_token, token_key
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import (
    encode_manifest,
    manifest_hash,
)
from private_presence.protocol.messages import Registration, decode_body
from private_presence.protocol.receipt import Answer, decode_receipt
from private_presence.server.web.authority import make_authority

LEAST_LOOKUP, LEAST_ACCEPT, MOST_BYTES = 0.6, 0.3, 1.10
EPOCH_SECONDS = CONFIG.st_ms / 1000
MOST_BUILD = EPOCH_SECONDS / 10
SPAN = {Kind.ST: EPOCH_SECONDS, Kind.LT: first_span(CONFIG)}  # of all lookups


# --- Lookups ----------------------------------------------------------------------------


def times(results):
    """Return p50 and p99 in milliseconds."""
    seconds = np.array([seconds for seconds, _ in results])
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


def lookup_scripts(kernel, address, numbers, n):
    digest = manifest_hash(encode_manifest(kernel.manifest))
    table = f"{kernel.kind.name.lower()}/{TABLES[kernel.kind]}"
    found = []
    for query in kernel.queries(n):
        head = lookup_token(0, next(numbers)) + u32(DAY) + digest
        get, post = f"GET /v1/manifest/{table}", f"POST /v1/pir/{table}"
        found.append(clients.script(address, [(get, b""), (post, head + query)]))
    return found


def lookup_round(kernel, process, load):
    """Return one round's figures."""
    results, spent = cost(process, load)
    expected = 128 + kernel.backend.sizes(kernel.manifest.layout).answer
    assert all(len(bodies[-1]) == expected for _, bodies in results)
    assert sum(spent["batches"]) == len(results), "some were not computed"
    cpu, wall = kernel.replay(spent["batches"])
    each = 1e3 / len(results)
    return {
        "ratio": cpu / (spent["web"] + spent["workers"]),
        "ratio_workers": cpu / spent["workers"],
        "over_single": kernel.single * len(results) / (spent["web"] + spent["workers"]),
        "kernel_ms": cpu * each,
        "web_ms": spent["web"] * each,
        "worker_ms": spent["workers"] * each,
        "batch": len(results) / len(spent["batches"]),
        "wall_ratio": wall / spent["wall"],
        "a_second": len(results) / spent["wall"],
        **times(results),
    }


def median_round(rounds):
    """Return the round whose ratio is the median, whole: its figures fit each other."""
    return sorted(rounds, key=lambda each: each["ratio"])[(len(rounds) - 1) // 2]


def lookup_rows(kernel, process, anchor, numbers, args):
    context, port = wire.context_of(anchor), process.port
    rng, rate = np.random.default_rng(0), args.users / SPAN[kernel.kind]

    def scripts(n):
        return lookup_scripts(kernel, f"127.0.0.1:{port}", numbers, n)

    def spread(told):
        return lambda: clients.steady(port, context, told, rate, rng)

    def at_once(told):
        return lambda: clients.burst(port, context, told, BURST)

    for name, load, n, limit in (
        ("everybody's", spread, round(rate * args.seconds), LEAST_LOOKUP),
        ("bursts", at_once, 2 * BURST, None),
    ):
        cost(process, load(scripts(32)))  # caches are warm, as they are all day
        rounds = []
        for _ in range(args.rounds):
            with one_core(process, name):
                rounds.append(lookup_round(kernel, process, load(scripts(n))))
        ratios = [each["ratio"] for each in rounds]
        task = f"lookup {kernel.kind.name}, {name}"
        row = {"task": task, "N": args.users, **median_round(rounds)}
        yield row | {"at_least": limit, "low": min(ratios), "high": max(ratios)}


def memory_rows(name, process):
    for place, peak in enumerate(process.report()["peaks"]):
        what = f"{name}, {'worker' if place else 'web'}: peak"
        yield {"task": what, "MiB": peak / 2**20}


# --- Registrations ----------------------------------------------------------------------


def check_one(post, public):
    """What an accepted registration is compared with."""
    message = decode_body(CONFIG, post[:-80])
    assert isinstance(message, Registration)
    signed = record_message(message.kind, CONFIG.dep_id, message.epoch, message.ct)
    verify(message.public, signed, message.signature)
    check_token(post[-80:], Role.REGISTER_ST, DAY, public)


def check_seconds(posts):
    public = token_key(KEYS.issuer_root, CONFIG.dep_id, Role.REGISTER_ST, DAY).public
    least = float("inf")
    for _ in range(3):
        start = time.process_time()
        for post in posts:
            check_one(post, public)
        least = min(least, (time.process_time() - start) / len(posts))
    return least


def registration_round(process, load, base):
    results, spent = cost(process, load)
    answers = [decode_receipt(bodies[-1]).answer for _, bodies in results]
    assert set(answers) == {Answer.ACCEPTED}
    each = (spent["web"] + spent["workers"]) / len(results)
    return {
        "ratio": base / each,
        "check_ms": 1e3 * base,
        "web_ms": 1e3 * each,
        "a_second": len(results) / spent["wall"],
        **times(results),
    }


def registration_rows(process, anchor, args):
    context, port, numbers = wire.context_of(anchor), process.port, count(1)
    rng, rate = np.random.default_rng(1), args.users / EPOCH_SECONDS

    def load(n):
        posts = [post_of(EPOCH + 1, next(numbers)) for _ in range(n)]
        line = f"POST /v1/register/st/{EPOCH + 1}"
        told = [clients.script(f"127.0.0.1:{port}", [(line, post)]) for post in posts]
        return posts, lambda: clients.steady(port, context, told, rate, rng)

    posts, warm = load(32)
    cost(process, warm)
    rounds = []
    for _ in range(args.rounds):
        base = check_seconds(posts)
        run = load(round(rate * args.seconds))[1]
        rounds.append(registration_round(process, run, base))
    row = {"task": "registration", "N": args.users, **median_round(rounds)}
    yield row | {"at_least": LEAST_ACCEPT}


# --- Bytes and building -----------------------------------------------------------------


def byte_rows(processes, anchor, kernel, records, users):
    ports = [process.port for process in processes]
    found = asyncio.run(wire.measure(ports, anchor, records, 1 << 20))
    formula, whole = formula_of(kernel.server.manifest), found["lookup"]
    yield {
        "task": "bytes, lookup ST",
        "N": users,
        "formula": formula,
        "bytes": whole,
        "ratio": whole / formula,
        "at_most": MOST_BYTES,
    }
    rest = {
        "queries and answers, with what the transport adds": whole - found["fetched"],
        "queries and answers, bodies": found["bodies"],
        "handshakes and manifests": found["fetched"],
        "a signed manifest, body": found["manifest"],
        "a handshake": found["handshake"],
        "a registration ST, with its handshake": found["registration"],
    }
    for task, value in rest.items():
        yield {"task": f"bytes, {task}", "bytes": value}


def formula_of(header):
    """Return the formula's bytes for a table of this shape (k = 2)."""
    up = 32 + header.buckets * header.row_bytes
    return up + 2 * header.buckets * header.value_size


def table_rows(published, kernel, users):
    name, limit = kernel.kind.name, {"N": users, "at_most": MOST_BUILD}
    yield {"task": f"table {name}, build", "seconds": kernel.build, **limit}
    took = {"seconds": published.wall, "cpu_seconds": published.cpu}
    yield {"task": f"table {name}, freeze to publication", **took, **limit}


# --- The table --------------------------------------------------------------------------


def breaks(row):
    value = row.get("ratio", row.get("seconds"))
    low, high = row.get("at_least"), row.get("at_most")
    return (low is not None and value < low) or (high is not None and value > high)


def rows(folder, args):
    published = asyncio.run(publish_tables(folder, args.users))
    records = {kind: records_of(kind, args.users) for kind in TABLES}
    kernels = {k: Kernel(k, published[k].signed, records[k]) for k in TABLES}
    for kind, kernel in kernels.items():
        yield from table_rows(published[kind], kernel, args.users)
    authority = make_authority("load", time.time(), RNG)
    anchor, short = authority.anchor, (kernels[Kind.ST], records[Kind.ST])
    with ExitStack() as stack:
        processes = [
            stack.enter_context(serving(role, folder, authority))
            for role in ("registrar", "lookup0", "lookup1")
        ]
        yield from byte_rows(processes, anchor, *short, args.users)
        yield from registration_rows(processes[0], anchor, args)
        yield from memory_rows("registrar", processes[0])
        numbers = count()
        for kernel in kernels.values():
            yield from lookup_rows(kernel, processes[1], anchor, numbers, args)
        yield from memory_rows("lookup server", processes[1])


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=RESULTS)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    bench = Bench("presence_load", args.folder)
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), args):
            bench.row(**row)
    bench.write()
    sys.exit("\n".join(str(row) for row in bench.rows if breaks(row)) or None)


if __name__ == "__main__":
    main()
