"""Requests and invitations as QR codes, in the terminal and as PNG."""

import io
import os
from pathlib import Path

from private_presence.errors import InputError

__all__ = ["png_of_text", "terminal_of_text", "write_png"]

BORDER = 4  # modules of quiet zone that the standard asks for
SCALE = 6  # pixels of a module: an invitation of 97 modules is 630 pixels wide


def _code(text: str):
    # An extra: servers and scripts need none.
    import segno

    try:
        # Level M repairs 15 in 100: screens are clean, and a larger code is read worse.
        return segno.make_qr(text, error="m", mode="alphanumeric", boost_error=False)
    except (segno.DataOverflowError, ValueError):
        raise InputError(
            "expected a request or an invitation; got a text that no QR code holds: "
            "send it as text"
        ) from None


def terminal_of_text(text: str) -> str:
    """Draw a QR code with half blocks, two modules to a character.

    Parameters
    ----------
    text : str
        Of `letters`.

    Returns
    -------
    str
        Lines; an invitation takes about 105 columns and 53 lines.

    Raises `InputError` if no QR code holds the text.

    Examples
    --------
    >>> art = terminal_of_text("PRESENCE-REQUEST-1:AAAA")
    >>> len(art.splitlines()), len(set(map(len, art.splitlines())))
    (17, 1)
    """
    rows = [list(row) for row in _code(text).matrix_iter(border=BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "".join(_line(upper, lower) for upper, lower in pairs)


def _line(upper: list[int], lower: list[int]) -> str:
    # Light modules are drawn, dark ones left: right on the dark ground of a terminal;
    # readers know both polarities.
    blocks = {(0, 0): "\u2588", (0, 1): "\u2580", (1, 0): "\u2584", (1, 1): " "}
    pairs = zip(upper, lower, strict=True)
    return "".join(blocks[int(a), int(b)] for a, b in pairs) + "\n"


def png_of_text(text: str) -> bytes:
    """Draw a QR code as a PNG picture.

    Parameters
    ----------
    text : str

    Returns
    -------
    bytes

    Raises `InputError` if no QR code holds the text.

    Examples
    --------
    25 modules and twice 4 of quiet zone, of 6 pixels each:

    >>> picture = png_of_text("PRESENCE-REQUEST-1:AAAA")
    >>> picture[1:4], int.from_bytes(picture[16:20], "big")
    (b'PNG', 198)
    """
    out = io.BytesIO()
    _code(text).save(out, kind="png", scale=SCALE, border=BORDER)
    return out.getvalue()


def write_png(text: str, path: Path) -> None:
    """Write a picture that only its owner can read: an invitation holds keys.

    Parameters
    ----------
    text : str
    path : Path

    Raises
    ------
    InputError
        If there is a file of this name, or no QR code holds the text.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "request.png")
    ...     write_png("PRESENCE-REQUEST-1:AAAA", path)
    ...     path.read_bytes()[1:4], oct(path.stat().st_mode & 0o777)
    (b'PNG', '0o600')
    >>> with TemporaryDirectory() as folder:
    ...     write_png("PRESENCE-REQUEST-1:AAAA", Path(folder))
    Traceback (most recent call last):
    private_presence.errors.InputError: ... exists already: choose another name
    """
    picture = png_of_text(text)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path} exists already: choose another name") from None
    with os.fdopen(handle, "wb") as file:
        file.write(picture)
