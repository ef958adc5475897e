"""A needle in a haystack, in bytes: analogues of RULER's S-NIAH-1, -2 and -3."""

from dataclasses import dataclass

import numpy as np
import torch

from splinear.attention.evaluation.mqar import RecallBatch
from splinear.core.checks import check_scalar
from splinear.core.random import generator

#: One byte per symbol.
VOCAB_SIZE = 128
#: What repeats in the haystack of "noise".
NOISE = b"the sky was grey. the road was long. a lamp was lit. we went on. "
CONSONANTS, VOWELS = b"bdfglmnprstvz", b"aeiou"
DIGITS, HEX = b"0123456789", b"0123456789abcdef"
KINDS = ("noise", "text", "uuid")


@dataclass(frozen=True)
class PasskeyTask:
    """Recall of one value among generated text.

    A sequence is a haystack with the sentence ``the key of <name> is <value>.`` at some
    depth, and ends with ``? the key of <name> is <value>.``, of which
    the value is to be predicted, byte by byte.

    Parameters
    ----------
    length : int
        Bytes of the prompt: haystack, needles and questions, values included.
    kind : {"noise", "text", "uuid"}
        "noise" repeats one paragraph and hides 7 digits (S-NIAH-1); "text" is generated
        and never repeats (S-NIAH-2); "uuid" is that with a value of 32 hexadecimal
        digits (S-NIAH-3).
    n_needles, n_queries : int, >= 1
        More than one of each serve training only.
    n_digits : int, optional
        Digits of a value; those of the kind by default.

    Raises
    ------
    ValueError
        If the kind is unknown or the needles do not fit.

    Examples
    --------
    >>> task = PasskeyTask(length=160)
    >>> batch = task.batch(1, random_state=0, depth=0.0)
    >>> text = bytes(batch.ids[0].tolist()).decode()
    >>> len(text), text[:11], len(batch.answers[0])
    (160, 'the key of ', 7)
    >>> text.endswith(bytes(batch.answers[0].tolist()).decode() + ".")
    True
    """

    length: int = 512
    kind: str = "noise"
    n_needles: int = 1
    n_queries: int = 1
    n_digits: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}"
            )
        check_scalar("n_needles", self.n_needles, low=1)
        check_scalar("n_queries", self.n_queries, low=1)
        if self.haystack < 0:
            raise ValueError(
                f"length must be at least {self.length - self.haystack}, for needles "
                f"and questions; got {self.length}"
            )

    @property
    def digits(self) -> int:
        """Bytes of a value."""
        if self.n_digits is not None:
            return self.n_digits
        return 32 if self.kind == "uuid" else 7

    @property
    def haystack(self) -> int:
        """Bytes of filler."""
        needle = len(_needle(b"name", b"")) + self.digits
        question = len(_question(b"name", b"")) + self.digits
        return self.length - self.n_needles * needle - self.n_queries * question

    def batch(
        self, size: int, random_state=None, depth: float | None = None
    ) -> RecallBatch:
        """Draw `size` sequences.

        Parameters
        ----------
        size : int
        random_state : int or numpy Generator, optional
        depth : float, in [0, 1], optional
            Where in the haystack the needle is, 0 for its beginning; random by default.

        Returns
        -------
        RecallBatch
            What an oracle keeps are the bytes of the values, and the space before.
        """
        rng = generator(random_state)
        rows = [self._row(rng, depth) for _ in range(size)]
        ids, asks, needed, first = (np.stack(part) for part in zip(*rows, strict=True))
        return RecallBatch(*(torch.from_numpy(a) for a in (ids, asks, needed, first)))

    def _row(self, rng: np.random.Generator, depth: float | None):
        hay = _haystack(self.kind, self.haystack, rng)
        cuts = np.sort(rng.integers(self.haystack + 1, size=self.n_needles))
        if depth is not None:
            cuts = np.full(self.n_needles, round(depth * self.haystack))
        alphabet = HEX if self.kind == "uuid" else DIGITS
        names = _distinct_names(rng, self.n_needles)
        values = [_pick(rng, alphabet, self.digits) for _ in names]
        text, needed = bytearray(), []
        for name, value, begin, end in zip(
            names, values, [0, *cuts], [*cuts, len(hay)], strict=False
        ):
            text += hay[begin:end] + _needle(name, value)
            last = len(text) - 1  # the full stop
            needed += range(last - self.digits - 1, last)
        text += hay[cuts[-1] :]
        asked = rng.integers(self.n_needles, size=self.n_queries)
        asks, first = [], []
        for number, which in enumerate(asked):
            text += _question(names[which], values[which])
            last = len(text) - 1
            asks += range(last - self.digits - 1, last - 1)
            first += [which not in asked[:number]] * self.digits
        ids = np.frombuffer(bytes(text), dtype=np.uint8).astype(np.int64)
        return ids, np.array(asks), np.array(needed), np.array(first)


def _needle(name: bytes, value: bytes) -> bytes:
    return b"the key of " + name + b" is " + value + b"."


def _question(name: bytes, value: bytes) -> bytes:
    return b"? the key of " + name + b" is " + value + b"."


def _distinct_names(rng: np.random.Generator, count: int) -> list[bytes]:
    names: list[bytes] = []
    while len(names) < count:
        name = _word(rng, 2)
        if name not in names:
            names.append(name)
    return names


def _word(rng: np.random.Generator, syllables: int) -> bytes:
    parts = [
        _pick(rng, CONSONANTS, 1) + _pick(rng, VOWELS, 1) for _ in range(syllables)
    ]
    return b"".join(parts)


def _pick(rng: np.random.Generator, alphabet: bytes, count: int) -> bytes:
    return bytes(alphabet[i] for i in rng.integers(len(alphabet), size=count))


def _haystack(kind: str, length: int, rng: np.random.Generator) -> bytes:
    """Return `length` bytes of filler, beginning anywhere in the noise."""
    if kind == "noise":
        start = int(rng.integers(len(NOISE)))
        return (NOISE * (length // len(NOISE) + 2))[start : start + length]
    return _sentences(length, rng)


def _sentences(length: int, rng: np.random.Generator) -> bytes:
    """Sentences of invented words, drawn anew each time."""
    text = bytearray()
    while len(text) < length:
        words = [
            _word(rng, int(n)) for n in rng.integers(1, 4, size=rng.integers(3, 8))
        ]
        text += b" ".join(words) + b". "
    return bytes(text[:length])
