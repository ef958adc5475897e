"""States as bytes: frozen dataclasses to deterministic CBOR and back.

The type annotations are the format.  A field of another type or a second spelling is
refused, so a state that loads is one that was saved.  Versions are of those who write
such a state into a file: a record has none.
"""

import types
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from private_presence.errors import EncodingError, InputError
from private_presence.primitives import cbor
from private_presence.primitives.curve import (
    G1Point,
    G2Point,
    Scalar,
    decode_g1,
    decode_g2,
    decode_scalar,
    encode_g1,
    encode_g2,
    encode_scalar,
)
from private_presence.primitives.secret import Secret

__all__ = ["decode_record", "encode_record"]

T = TypeVar("T")
POINTS = {
    Scalar: (encode_scalar, decode_scalar),
    G1Point: (encode_g1, decode_g1),
    G2Point: (encode_g2, decode_g2),
}


def encode_record(record: Any) -> bytes:
    """Write a frozen dataclass.

    Parameters
    ----------
    record : dataclass
        Of integers, bytes, text, curve elements, tuples, optional values and other
        such dataclasses.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If a field holds anything else.

    Examples
    --------
    >>> from private_presence.protocol.payload import StPayload
    >>> encode_record(StPayload(1, b"tea")).hex(" ")
    '82 01 43 74 65 61'
    """
    return cbor.encode(_plain(record))


def decode_record(cls: type[T], data: bytes, max_size: int) -> T:
    """Read a frozen dataclass.

    Parameters
    ----------
    cls : type
    data : bytes
    max_size : int
        Longest input accepted, in bytes.

    Returns
    -------
    cls
        ``encode_record`` of it gives `data` back.

    Raises
    ------
    EncodingError
        If `data` is no such record, is longer, or is spelt in another way.

    Examples
    --------
    >>> from private_presence.protocol.payload import StPayload
    >>> decode_record(StPayload, encode_record(StPayload(1, b"tea")), 100).aux
    b'tea'
    >>> decode_record(StPayload, encode_record((1, "tea")), 100)
    Traceback (most recent call last):
    private_presence.errors.EncodingError: expected bytes in a state; got str
    """
    return _typed(cls, cbor.decode(data, max_size))


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls)}


def _plain(value: Any) -> cbor.Value:
    if is_dataclass(value):
        return [_plain(getattr(value, f.name)) for f in fields(value)]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return int(value)
    if value is None:
        return []
    if type(value) in POINTS:
        return bytes(POINTS[type(value)][0](value))
    if isinstance(value, int | bytes | str):
        return value
    raise InputError(f"a state cannot hold a {type(value).__name__}")


def _typed(kind: Any, raw: cbor.Value) -> Any:
    if isinstance(kind, types.UnionType):
        return None if raw == [] else _typed(get_args(kind)[0], raw)
    if get_origin(kind) is tuple:
        _check(list, raw)
        return tuple(_typed(get_args(kind)[0], item) for item in raw)  # type: ignore
    if is_dataclass(kind):
        return _dataclass(kind, raw)
    if kind in POINTS:
        return POINTS[kind][1](_check(bytes, raw))
    if kind is bool:
        return _flag(raw)
    if kind is Secret:
        return Secret(_check(bytes, raw))
    return _check(kind, raw)


def _check(kind: type, raw: cbor.Value) -> Any:
    if not isinstance(raw, kind):
        raise EncodingError(
            f"expected {kind.__name__} in a state; got {type(raw).__name__}"
        )
    return raw


def _flag(raw: cbor.Value) -> bool:
    if raw not in (0, 1):
        raise EncodingError("expected 0 or 1 for a flag in a state")
    return bool(raw)


def _dataclass(cls: Any, raw: cbor.Value) -> Any:
    hints = _hints(cls)
    if not isinstance(raw, list) or len(raw) != len(hints):
        raise EncodingError(f"expected {len(hints)} fields of a {cls.__name__}")
    pairs = zip(hints.items(), raw, strict=True)
    return cls(**{name: _typed(kind, item) for (name, kind), item in pairs})
