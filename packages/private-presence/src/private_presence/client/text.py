"""Text that came from somebody else, made fit for a terminal."""

import unicodedata

__all__ = ["shown"]


def shown(data: bytes) -> str:
    r"""Decode a friend's bytes for a screen.

    Control characters would move the cursor, change colours or answer for the user;
    marks of direction would make one text look like another.  None of them passes.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    str
        At most as many characters as `data` has bytes.

    Examples
    --------
    >>> shown(b"lunch\x1b[2J"), shown(bytes([0xFF, 0x41]))
    ('lunch[2J', '\ufffdA')
    """
    text = data.decode("utf-8", errors="replace")
    return "".join(
        c for c in text if unicodedata.category(c)[0] not in "CZ" or c == " "
    )
