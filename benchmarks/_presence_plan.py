"""Plans for many users, and what they cost by formula.

Everything here is arithmetic over measured rates (`_presence_rates`), sizes
(`pir.costs`) and the times that clients choose (`client.plan`); `presence_scale` then
runs the same plans as discrete events.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from _presence_queue import Pool, Work, offered
from _presence_rates import BUCKETS, config
from private_presence.client.plan import LATE, first_span
from private_presence.pir.costs import dpf_costs, xor_costs
from private_presence.protocol.epochs import Kind
from private_presence.protocol.quota import quota, roles

#: Beside a lookup's query and answer: token, day, hash; two hashes and a signature;
#: TLS, HTTP/2 and TCP of a connection with one P-256 certificate.
FRAME_UP, FRAME_DOWN = 1_300, 2_300
ROW = 150  # bytes of a redeemed token in a database with its index
FULL = 256
TABLES = 20  # drawn, for the largest of them


@dataclass(frozen=True)
class Plan:
    """One deployment, or one of several equal ones.

    Parameters
    ----------
    users : int
        Of this deployment, all awake.
    lookup : Pool
        Of each lookup server.
    registrar, issuer : Pool
    mode : str
    deployments : int
    people : int
        In all deployments together; 0 if they are the users of one.
    st_s : int
        Seconds of a short epoch.
    span_s : float
        Over which clients spread what a long epoch's start brings.
    """

    users: int
    lookup: Pool
    registrar: Pool
    issuer: Pool
    mode: str = "xor"
    deployments: int = 1
    people: int = 0
    st_s: int = 300
    span_s: float = first_span(config())

    @property
    def config(self):
        return replace(config(), mode=self.mode, st_ms=1000 * self.st_s)


@lru_cache(maxsize=64)
def fullest(users):
    """Return the records of the fullest bucket of some tables, three places for each."""
    rng = np.random.default_rng(users)
    even = np.full(BUCKETS, 1 / BUCKETS)
    return int(rng.multinomial(3 * users, even, size=TABLES).max())


def costs(plan, kind):
    constants = plan.config
    lt = kind is Kind.LT
    size = constants.lt_value_size if lt else constants.st_value_size
    form = dpf_costs if plan.mode == "dpf" else xor_costs
    return form(fullest(plan.users), size)


def length_of(plan, kind):
    """Return the cells of a bucket."""
    constants = plan.config
    lt = kind is Kind.LT
    size = constants.lt_value_size if lt else constants.st_value_size
    return costs(plan, kind).table // (BUCKETS * size)


def lookup_work(plan, kind, rates, name=""):
    """Return the core seconds of a batch of lookups, connections included."""
    cost, servers = costs(plan, kind), len(plan.config.servers)
    record = 576 if kind is Kind.LT else 128
    base, each, one = rates.scan[record]
    per = expansion(plan, kind, rates) + rates.seal + rates.token[1]
    per += rates.exchange[0] + rates.exchange[1] * cost.total / servers
    few = cost.table * one + per
    return Work(
        name or kind.name,
        rates.token[0],
        cost.table * base,
        cost.table * each + per,
        few,
    )


def expansion(plan, kind, rates):
    """Return the core seconds in which a query becomes bits, over both servers."""
    length = length_of(plan, kind)
    if plan.mode == "dpf":
        return rates.points[0] + rates.points[1] * length
    return rates.seed * BUCKETS * length / 8 / 2  # each server has every second seed


# --- When clients come ------------------------------------------------------------------


def st_window(plan):
    """Return the seconds after a short epoch's start in which its lookups fall."""
    return plan.st_s / 16, plan.st_s / 2


def lt_window(plan):
    """Return the same for the two long-epoch lookups of each client."""
    base = plan.span_s / LATE
    return base + plan.span_s / LATE, base + plan.span_s / 2


def post_window(plan):
    """Return the same for short-epoch registrations."""
    whole = plan.st_s - plan.config.st_close_ms / 1000
    return 0.0, whole - whole / LATE


def token_window(plan):
    """Return the same for tomorrow's tokens, after a long epoch's start."""
    day = plan.config.lt_ms / 1000
    begin = plan.span_s / LATE + plan.span_s
    return begin, begin + (day - day / LATE - begin) * 3 / 4


def width(window):
    return window[1] - window[0]


# --- The registrar ----------------------------------------------------------------------


def post_work(rates):
    """Return the core seconds of a group of registrations."""
    per = rates.examine + rates.receipt + rates.token[1] + rates.store[1]
    fixed = rates.token[0] + rates.store[0]
    return Work("registrations", fixed, 0.0, per + sum_exchange(rates, 245 + 103))


def token_work(plan, rates):
    """Return the core seconds of a day's tokens of one role, on average."""
    constants = plan.config
    points = sum(quota(constants, role) for role in roles(constants))
    mean = points / len(roles(constants))
    per = mean * rates.issue + sum_exchange(rates, 2 * 48 * mean)
    return Work("tokens", 0.0, 0.0, per)


def sum_exchange(rates, size):
    return rates.exchange[0] + rates.exchange[1] * size


# --- By formula -------------------------------------------------------------------------


def peak(plan, kind):
    """Return the lookups a second of one kind, at one server, while they fall."""
    if kind is Kind.ST:
        return plan.users / width(st_window(plan))
    return 2 * plan.users / width(lt_window(plan))


def cores(plan, kind, rates):
    """Return the cores that are busy at one server at the peak, in full batches."""
    return peak(plan, kind) * each_of(lookup_work(plan, kind, rates))


def each_of(work, m=FULL):
    """Return the core seconds of one among m that are worked on together."""
    return (work.fixed + work.part(m)) / m


def predicted(rate, pool, works, shares):
    """Return the utilisation of a pool whose nodes gather batches of several works."""
    per = rate / pool.nodes
    pairs = zip(works, shares, strict=True)
    return sum(offered(per * share, pool, work) for work, share in pairs)


def formula_row(plan, rates):
    """Return what a plan's mode, size and epochs ask of one server and one client."""
    st, lt = costs(plan, Kind.ST), costs(plan, Kind.LT)
    servers = len(plan.config.servers)
    rate, n = peak(plan, Kind.ST), plan.deployments
    up = (st.up / servers + FRAME_UP) * rate * 8 / 1e9
    down = (st.down / servers + FRAME_DOWN) * rate * 8 / 1e9
    a_day = (st.total + servers * (FRAME_UP + FRAME_DOWN)) * 86_400 / plan.st_s
    a_day += 2 * (lt.total + servers * (FRAME_UP + FRAME_DOWN))
    return {
        "N": plan.people or plan.users,
        "deployments": n,
        "mode": plan.mode,
        "T_ST": plan.st_s,
        "span": plan.span_s,
        "st_table_MB": st.table / 1e6,
        "lt_table_MB": lt.table / 1e6,
        "lookups_per_s": rate,
        "st_cores": n * cores(plan, Kind.ST, rates),
        "lt_cores": n * cores(plan, Kind.LT, rates),
        "in_Gbps": up,
        "out_Gbps": down,
        "client_kB": st.total / 1e3,
        "client_MB_a_day": a_day / 1e6,
    }


def registrar_row(plan, rates):
    """Return what a deployment asks of its registrar."""
    work, issue = post_work(rates), token_work(plan, rates)
    posts = plan.users / width(post_window(plan))
    constants = plan.config
    batches = plan.users * len(roles(constants)) / width(token_window(plan))
    a_day = 86_400 / plan.st_s
    raw = plan.users * (16 + constants.lt_value_size)
    return {
        "N": plan.users,
        "posts_per_s": posts,
        "post_cores": posts * each_of(work),
        "token_batches_per_s": batches,
        "token_cores": batches * each_of(issue),
        "raw_st_MB": plan.users * (16 + constants.st_value_size) / 1e6,
        "raw_lt_MB": raw / 1e6,
        "retained_GB": constants.retain * raw / 1e9,
        "spent_at_R_GB_a_day": plan.users * (a_day + 1) * ROW / 1e9,
        "spent_at_P_GB_a_day": plan.users * (a_day + 2) * ROW / 1e9,
        "memory_at_P_GB": (
            2 * costs(plan, Kind.ST).table + 2 * costs(plan, Kind.LT).table
        )
        / 1e9,
    }
