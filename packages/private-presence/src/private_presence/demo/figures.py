"""What the demo cost, beside what DP5 would cost: bytes by formula, times measured now."""

import time
from collections.abc import Callable
from statistics import median

from private_presence.demo.meter import Meter, Tally
from private_presence.pir.costs import dp5_formula, xor_costs
from private_presence.primitives.blinding import signing_key
from private_presence.primitives.curve import (
    G1_GENERATOR,
    G2_GENERATOR,
    pairing_product,
)
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.records import place

__all__ = ["a_pairing", "byte_table", "time_lines"]

USERS, FRIENDS = 100_000, 100
# Records in the fullest of 150 buckets at that many users (`xor_costs`).
LOAD = 2148
# DP5's messages: for each of 100 friends an entry of 10 and 80 bytes, and 4 in front; a
# short-term signature with its data; answers of 5 bytes; rows of both tables.
DP5_LT, DP5_ST, DP5_LT_ROW, DP5_ST_ROW = 4 + 90 * FRIENDS + 5, 164 + 5, 90, 42
TIMES = 9  # of each operation; their median


def byte_table(meters: list[Meter], config: Config) -> list[str]:
    """Set bytes measured in the demo beside both formulas.

    Parameters
    ----------
    meters : list of Meter
        Of everybody.
    config : Config
        Of the demo.

    Returns
    -------
    list of str
        Bodies only: TLS and HTTP come on top of all columns.

    Examples
    --------
    >>> from private_presence.demo.meter import Exchange
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> meter = Meter()
    >>> meter.note("POST", "/v1/register/lt/7", Exchange("", True, 693, 103, 0.01))
    >>> meter.note("POST", "/v1/register/st/7", Exchange("", True, 245, 103, 0.01))
    >>> lines = byte_table([meter], config)
    >>> " ".join(lines[1].split()), " ".join(lines[2].split())
    ('registration, long term 796 B 796 B 9,009 B',
     'registration, short term 348 B 348 B 169 B')
    """
    meter = Meter([e for each in meters for e in each.exchanges])
    k = len(config.servers)
    rows = [
        ("", "demo, measured", "100,000 users", "DP5, 100,000 users"),
        _registration(meter, "lt", DP5_LT),
        _registration(meter, "st", DP5_ST),
        _lookup(meter, Kind.LT, k, config.lt_value_size),
        _lookup(meter, Kind.ST, k, config.st_value_size),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    note = "(both by formula: ours with two servers; DP5 with three and 100 friends)"
    return [*(_row(row, widths) for row in rows), note]


def _row(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *cells[1:]])


def _bytes(number: float) -> str:
    return f"{number:,.0f} B"


def _registration(meter: Meter, kind: str, dp5: int) -> tuple[str, ...]:
    tally = meter.tally(f"register/{kind}")
    name = {"lt": "registration, long term", "st": "registration, short term"}[kind]
    if tally is None:
        return name, "none", "", _bytes(dp5)
    # A registration has one size for any number of users and of friends.
    size = _bytes(tally.up + tally.down)
    return name, size, size, _bytes(dp5)


def _lookup(meter: Meter, kind: Kind, k: int, value_size: int) -> tuple[str, ...]:
    name = {Kind.LT: "lookup, long term", Kind.ST: "lookup, short term"}[kind]
    tally = meter.tally(f"pir/{kind.name.lower()}")
    measured = _bytes(k * (tally.up + tally.down)) if tally else "none"
    ours = xor_costs(LOAD, value_size, servers=k).total
    rows, size = (
        (USERS * FRIENDS, DP5_LT_ROW) if kind is Kind.LT else (USERS, DP5_ST_ROW)
    )
    return name, measured, _bytes(ours), _bytes(dp5_formula(rows, size))


def time_lines(meters: list[Meter], config: Config, rng: Randomness) -> list[str]:
    """Say how long things took, and measure both ways to find one friend's record.

    Parameters
    ----------
    meters : list of Meter
    config : Config
    rng : Randomness

    Returns
    -------
    list of str

    Examples
    --------
    >>> from private_presence.demo.meter import Exchange
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> meter = Meter()
    >>> meter.note("POST", "/v1/register/st/7", Exchange("", True, 245, 103, 0.25))
    >>> lines = time_lines([meter], config, SystemRandomness())
    >>> len(lines), lines[0]
    (2, 'a registration, through the relay: 250 ms (median of 1)')
    """
    meter = Meter([e for each in meters for e in each.exchanges])
    lines = [
        _took(meter.tally("register/st"), "a registration, through the relay"),
        _took(meter.tally("pir/st"), "a query of one server"),
    ]
    pairing = _seconds(a_pairing)
    public, key = signing_key(rng.draw(64)).public, Secret(rng.draw(32))
    blinding = _seconds(lambda: place(config.dep_id, Kind.ST, public, key, 1))
    lines.append(
        f"finding where a friend's record is: {1e3 * blinding:.3f} ms by a blinded key, "
        f"{1e3 * pairing:.3f} ms by a pairing as in DP5 ({pairing / blinding:.1f} times "
        "as long), measured now"
    )
    return [line for line in lines if line]


def a_pairing() -> object:
    """Compute one pairing: what DP5 does for each friend and epoch.

    Returns
    -------
    object

    Examples
    --------
    That of the two generators:

    >>> pairing_product([(-G1_GENERATOR, G2_GENERATOR)]) == a_pairing()
    False
    >>> pairing_product([(-G1_GENERATOR, -G2_GENERATOR)]) == a_pairing()
    True
    """
    return pairing_product([(G1_GENERATOR, G2_GENERATOR)])


def _took(tally: Tally | None, what: str) -> str:
    if tally is None:
        return ""
    return f"{what}: {1e3 * tally.seconds:.0f} ms (median of {tally.count})"


def _seconds(step: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return median(times)
