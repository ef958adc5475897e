"""Plans for ten thousand to ten million users, run as discrete events.

``python benchmarks/presence_scale.py [--folder results] [--doc page]`` measures
what one core does (``presence_scale_rates``), computes what each size, mode and epoch
length asks for (``presence_scale_formula``), runs the stated plans through a simulation
of clients' times, batches, workers and a death (``presence_scale``), and of publication
with servers that are away (``presence_scale_publish``).

The simulation is checked: against the mean wait of a single queue, against the closed
formula of each plan's utilisation, and against a real server that answers real queries
in batches.  Exits with 1 when a check fails or a stated plan misses a deadline.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import _presence_plan as plans
from _harness import RESULTS, Bench, table
from _presence_checks import line_row, measured_rows, off
from _presence_plan import Plan
from _presence_publish import publish_row
from _presence_queue import Death, Pool, Simulation, batch_size, core_seconds
from _presence_rates import measure
from private_presence.client.plan import patience
from private_presence.protocol.epochs import Kind
from private_presence.server.lookup.limits import Limits

QUEUE = Limits().queue  # one more is told to come again
FULLEST = 0.85  # utilisation over a window; the rest is for what is not modelled
POST_SECONDS = 1.0  # p99 of a registration
AREAS = {
    "plans": "presence_scale",
    "formula": "presence_scale_formula",
    "registrar": "presence_scale_registrar",
    "publish": "presence_scale_publish",
    "rates": "presence_scale_rates",
    "checks": "presence_scale_checks",
}
FORMULA = 0.15  # how far the formula may be off
RESTART = 5.0  # seconds, then tables are laid out again


def registrars(nodes, cores=1):
    return Pool(nodes, cores, gather=0.005)


def issuers(nodes, cores=1):
    return Pool(nodes, cores, gather=0.0, most=1, turns=cores)


def stated():
    """The plans, and the pool of lookup workers in the first minutes of a day."""
    small = Plan(10_000, Pool(1, 2), registrars(1), issuers(1))
    one = Plan(100_000, Pool(1, 8, gather=0.25), registrars(1, 2), issuers(1, 2))
    many = Plan(
        1_000_000, Pool(48, 4, gather=1.0), registrars(16), issuers(8), mode="dpf"
    )
    # Ten million people, each in one and a half communities on average.
    ten = replace(many, deployments=15, people=10_000_000)
    day = {many.users: Pool(120, 4, gather=1.0)}
    return [(p, day.get(p.users, p.lookup)) for p in (small, one, many, ten)]


def choices():
    """What is compared by formula."""
    for plan, _ in stated():
        for mode in ("xor", "dpf"):
            yield replace(plan, mode=mode)
    many = stated()[2][0]
    yield replace(many, span_s=7200.0)
    for mode in ("xor", "dpf"):
        yield replace(many, users=10_000_000, mode=mode)
    yield replace(many, users=10_000_000, st_s=1200)
    yield replace(many, users=500_000, deployments=30, people=10_000_000)


# --- Scenarios --------------------------------------------------------------------------


def lookups(plan, pool, rates, rng, *, died=False):
    """An ordinary short epoch; with a death, one node of the pool is away for a while."""
    begin, end = plans.st_window(plan)
    times = np.sort(rng.uniform(begin, end, plan.users))
    repeats = rng.uniform(end, plan.st_s * 3 / 4, (2, plan.users)).min(axis=0)
    back = RESTART + plan.users * sum(rates.build.values())
    at = begin + 0.4 * (end - begin)
    deaths = [Death(0, at, at + back)] if died else []
    works = [plans.lookup_work(plan, Kind.ST, rates)]
    kinds = np.zeros(plan.users, np.int64)
    return pool, works, times, kinds, repeats, deaths


def day_start(plan, pool, rates, rng):
    """Three short epochs, and everybody's two long-epoch lookups beside them."""
    n, windows = plan.users, plans.st_window(plan)
    short = [rng.uniform(*windows, n) + i * plan.st_s for i in range(3)]
    long = np.sort(rng.uniform(*plans.lt_window(plan), (2, n)), axis=0)
    times = np.concatenate([*short, *long])
    kinds = np.repeat([0, 1, 2, 3, 4], n)
    order = np.argsort(times, kind="stable")
    works = [plans.lookup_work(plan, Kind.ST, rates, f"st {i}") for i in range(3)]
    works += [plans.lookup_work(plan, Kind.LT, rates, f"lt {i}") for i in range(2)]
    return pool, works, times[order], kinds[order], None, []


def posts(plan, rates, rng):
    """Registrations for one short epoch."""
    times = np.sort(rng.uniform(*plans.post_window(plan), plan.users))
    kinds = np.zeros(plan.users, np.int64)
    return plan.registrar, [plans.post_work(rates)], times, kinds, None, []


def token_days(plan, rates, rng, seconds=600.0):
    """Ten minutes of fetching tomorrow's tokens."""
    roles = 2 + len(plan.config.servers)
    share = seconds / plans.width(plans.token_window(plan))
    n = rng.poisson(plan.users * roles * share)
    times = np.sort(rng.uniform(0, seconds, n))
    kinds = np.zeros(n, np.int64)
    return plan.issuer, [plans.token_work(plan, rates)], times, kinds, None, []


def formula(pool, works, times, kinds, span):
    """Return the utilisation that rates and batch sizes alone give."""
    busy = 0.0
    for i, work in enumerate(works):
        mine = times[kinds == i]
        rate = len(mine) / (mine[-1] - mine[0]) / pool.nodes
        m = batch_size(rate, pool, work)
        busy += len(mine) * core_seconds(pool, work, m) / m
    return busy / (pool.nodes * pool.cores * (span[1] - span[0]))


def simulated_row(plan, name, scenario):
    pool, works, times, kinds, repeats, deaths = scenario
    result = Simulation(pool, works, times, kinds, repeats, deaths).run()
    waits = result.waits[~np.isnan(result.waits)]
    p50, p99 = np.quantile(waits, (0.5, 0.99))
    return {
        "N": plan.people or plan.users,
        "deployments": plan.deployments,
        "mode": plan.mode,
        "scenario": name,
        "arrivals": len(times),
        "nodes": pool.nodes,
        "cores": pool.nodes * pool.cores,
        "gather_s": pool.gather,
        "batch": len(waits) / result.batches,
        "utilisation": result.utilisation(pool),
        "formula": formula(pool, works, times, kinds, result.span),
        "p50_s": float(p50),
        "p99_s": float(p99),
        "max_s": float(waits.max()),
        "most_open": result.most_open,
        "repeated": result.repeated,
        "abandoned": result.abandoned,
    }


def scenarios(plan, day_pool, rates):
    def rng(i):
        return np.random.default_rng([plan.users, plan.deployments, i])

    yield "short epoch", lookups(plan, plan.lookup, rates, rng(0))
    yield "a node dies", lookups(plan, plan.lookup, rates, rng(1), died=True)
    yield "start of a day", day_start(plan, day_pool, rates, rng(2))
    yield "registrations", posts(plan, rates, rng(3))
    yield "tokens", token_days(plan, rates, rng(4))


def alternatives(rates):
    """What was not chosen: short batches, and batches divided by buckets."""
    plan = stated()[2][0]
    short = replace(plan.lookup, gather=0.05)
    few, day = (Pool(n, 32, gather=0.05, split=0) for n in (5, 10))
    rng = np.random.default_rng(plan.users)
    yield plan, "short epoch, batches of 50 ms", lookups(plan, short, rates, rng)
    yield plan, "short epoch, by buckets", lookups(plan, few, rates, rng)
    yield plan, "start of a day, by buckets", day_start(plan, day, rates, rng)


def complaints(plan, row):
    """Yield what a plan misses, in words."""
    name = f"N = {row['N']}, {row['scenario']}"
    longest = patience(plan.config)
    if row["utilisation"] > FULLEST:
        yield f"{name}: utilisation {row['utilisation']:.2f}, over {FULLEST}"
    if row["abandoned"]:
        yield f"{name}: {row['abandoned']} exchanges abandoned"
    if row["max_s"] > longest:
        yield f"{name}: an answer after {row['max_s']:.1f} s, over {longest} s"
    if row["scenario"] == "registrations" and row["p99_s"] > POST_SECONDS:
        yield f"{name}: p99 {row['p99_s']:.2f} s, over {POST_SECONDS} s"
    if row["most_open"] > QUEUE:
        yield f"{name}: {row['most_open']} open at a node, over {QUEUE}"
    off = abs(row["utilisation"] / row["formula"] - 1)
    if row["scenario"] != "a node dies" and off > FORMULA:
        yield f"{name}: utilisation {off:.0%} off the formula"


# --- The results ------------------------------------------------------------------------


def rate_rows(rates):
    """Each measured time, and how many of it a core does in a second."""
    for name, value in asdict(rates).items():
        for part, seconds in parts_of(name, value):
            each = None if seconds == 0 else 1 / seconds
            yield {"what": part, "core_seconds": seconds, "a_second": each}


def parts_of(name, value):
    if isinstance(value, dict):
        for record, part in value.items():
            yield from parts_of(f"{name}, {record} B", part)
    elif isinstance(value, tuple):
        words = ("constant", "each", "alone")
        for word, part in zip(words, value, strict=False):
            yield f"{name}: {word}", part
    else:
        yield name, value


def publications(rates):
    for plan, _ in stated()[:3]:
        for kind in Kind:
            yield "stated", publish_row(plan, kind, rates)
    one = replace(stated()[2][0], users=10_000_000)
    yield "not chosen", publish_row(one, Kind.ST, rates)


def late(row):
    """A stated plan may not be late by itself, nor be noticed in one of 200 epochs."""
    if row["plan"] != "stated":
        return False
    return row["chain_s"] > row["close_s"] or row["missed"] > row["tables"] / 200


def write_doc(path, folder):
    """Put the recorded tables between the marks of the page."""
    text = path.read_text()
    for name, area in AREAS.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, rest = text.split(begin)
        tail = rest.split(end)[1]
        recorded = table(json.loads((folder / f"{area}.json").read_text()))
        text = f"{head}{begin}\n{recorded}{end}{tail}"
    path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=RESULTS)
    parser.add_argument("--doc", type=Path, help="page whose tables are replaced")
    parser.add_argument("--recorded", action="store_true", help="only write the page")
    args = parser.parse_args()
    found = [] if args.recorded else run(args.folder)
    if args.doc:
        write_doc(args.doc, args.folder)
    sys.exit("\n".join(found) or None)


def run(folder):
    """Measure, compute, simulate and write; return what is wrong."""
    benches = {name: Bench(area, folder) for name, area in AREAS.items()}
    rates = measure()
    found = []
    for row in rate_rows(rates):
        benches["rates"].row(**row)
    for row in [line_row(), *measured_rows(rates)]:
        benches["checks"].row(**row)
        found += [f"{row['check']}: off by more than {row['within']}"] * off(row)
    for plan in choices():
        benches["formula"].row(**plans.formula_row(plan, rates))
    for plan, _ in stated()[:3]:
        benches["registrar"].row(**plans.registrar_row(plan, rates))
    for plan, pool in stated():
        for name, scenario in scenarios(plan, pool, rates):
            row = simulated_row(plan, name, scenario)
            benches["plans"].row(**row)
            found += complaints(plan, row)
    for plan, name, scenario in alternatives(rates):
        benches["plans"].row(**simulated_row(plan, name, scenario))
    for which, row in publications(rates):
        row = {"plan": which} | row
        benches["publish"].row(**row)
        found += [f"N = {row['N']}, {row['epoch']}: late"] * late(row)
    for bench in benches.values():
        bench.write()
    return found


if __name__ == "__main__":
    main()
