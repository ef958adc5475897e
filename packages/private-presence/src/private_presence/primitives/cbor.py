"""A deterministic corner of CBOR (RFC 8949, section 4.2): one spelling per value.

Unsigned integers, byte strings, text, arrays and maps with ascending unsigned integer
keys.  No floats, tags, negative numbers, indefinite lengths or references.  A general
decoder accepts many spellings of one value and allocates what a length field asks
for; this one accepts the shortest spelling only, and never reads a length that the
input cannot hold.
"""

from private_presence.errors import EncodingError, InputError, LengthError

__all__ = ["MAX_DEPTH", "Value", "decode", "encode"]

Value = int | bytes | str | list["Value"] | dict[int, "Value"]

MAX_DEPTH = 8
UINT, BYTES, TEXT, ARRAY, MAP = 0, 2, 3, 4, 5


def encode(value: Value) -> bytes:
    """Write a value in its one spelling.

    Parameters
    ----------
    value : int, bytes, str, list or dict
        Integers from 0 to 2^64 - 1; maps have such integers as keys.

    Returns
    -------
    bytes
        The encoding.

    Raises
    ------
    InputError
        If the value is outside this corner of CBOR.

    Examples
    --------
    >>> encode({0: 1, 1: b"ab", 2: [500]}).hex()
    'a300010142616202811901f4'
    """
    if isinstance(value, bool) or not isinstance(
        value, int | bytes | str | list | dict
    ):
        raise InputError(
            f"expected int, bytes, str, list or dict; got {type(value).__name__}"
        )
    if isinstance(value, int):
        return _head(UINT, value)
    if isinstance(value, bytes):
        return _head(BYTES, len(value)) + bytes(value)
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(TEXT, len(text)) + text
    if isinstance(value, list):
        return _head(ARRAY, len(value)) + b"".join(map(encode, value))
    pairs = sorted(value.items())
    return _head(MAP, len(pairs)) + b"".join(
        _head(UINT, k) + encode(v) for k, v in pairs
    )


def decode(data: bytes, max_size: int) -> Value:
    """Read a value, if it is written in its one spelling.

    Parameters
    ----------
    data : bytes
        The whole encoding.
    max_size : int
        Longest input accepted, in bytes; what is allocated is bounded by it.

    Returns
    -------
    int, bytes, str, list or dict
        The value; ``encode`` of it gives `data` back.

    Raises
    ------
    LengthError
        If the input is longer than `max_size`, ends early, or goes on.
    EncodingError
        If it is not canonical, or outside this corner of CBOR.

    Examples
    --------
    >>> decode(bytes.fromhex("a10018ff"), max_size=100)
    {0: 255}
    """
    if len(data) > max_size:
        raise LengthError(f"at most {max_size} bytes expected; got {len(data)}")
    value, end = _value(bytes(data), 0, 0)
    if end != len(data):
        raise LengthError(f"the value ends at {end}; {len(data)} bytes came")
    return value


def _head(major: int, number: int) -> bytes:
    if not 0 <= number < 1 << 64:
        raise InputError(f"expected an integer from 0 to 2^64 - 1; got {number}")
    if number < 24:
        return bytes([major << 5 | number])
    power = next(p for p in range(4) if number < 1 << (8 << p))
    return bytes([major << 5 | 24 + power]) + number.to_bytes(1 << power, "big")


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    # (major type, number, next position)
    major, low = divmod(_slice(data, at, 1)[0], 32)
    if low < 24:
        return major, low, at + 1
    if low > 27:
        raise EncodingError("indefinite or reserved CBOR length: use definite ones")
    size = 1 << (low - 24)
    number = int.from_bytes(_slice(data, at + 1, size), "big")
    smallest = 24 if size == 1 else 1 << (4 * size)
    if number < smallest:
        raise EncodingError("a CBOR number is not in its shortest spelling: refuse it")
    return major, number, at + 1 + size


def _slice(data: bytes, at: int, n: int) -> bytes:
    if n > len(data) - at:
        raise LengthError(f"{n} bytes expected at {at}; {len(data) - at} are left")
    return data[at : at + n]


def _value(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if depth > MAX_DEPTH:
        raise EncodingError(f"CBOR nested deeper than {MAX_DEPTH}: refuse it")
    major, number, at = _read_head(data, at)
    if major == UINT:
        return number, at
    if major == BYTES:
        return _slice(data, at, number), at + number
    if major == TEXT:
        return _text(_slice(data, at, number)), at + number
    # Each item takes a byte at least, so this bounds the loop before it starts.
    if number > len(data) - at:
        raise LengthError(f"{number} items cannot be in {len(data) - at} bytes")
    if major == ARRAY:
        return _array(data, at, number, depth)
    if major == MAP:
        return _map(data, at, number, depth)
    raise EncodingError(f"CBOR major type {major} is not used by this format")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise EncodingError("text in a message is not UTF-8: refuse it") from None


def _array(data: bytes, at: int, n: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    for _ in range(n):
        item, at = _value(data, at, depth + 1)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, n: int, depth: int) -> tuple[dict[int, Value], int]:
    items: dict[int, Value] = {}
    last = -1
    for _ in range(n):
        major, key, at = _read_head(data, at)
        if major != UINT or key <= last:
            raise EncodingError("CBOR map keys must be ascending unsigned integers")
        last = key
        items[key], at = _value(data, at, depth + 1)
    return items, at
