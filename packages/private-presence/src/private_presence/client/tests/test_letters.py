"""Requests and invitations as text and as pictures."""

import struct
import zlib

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from private_presence.client.letters import (
    invitation_of_text,
    request_of_text,
    text_of_invitation,
    text_of_request,
)
from private_presence.client.qr import BORDER, SCALE, png_of_text, terminal_of_text
from private_presence.client.text import shown
from private_presence.errors import (
    EncodingError,
    ForeignStateError,
    InputError,
    LengthError,
)
from private_presence.protocol.invitation import MAX_INVITATION_SIZE

DEP_ID = bytes(range(16))
NONCE = bytes(range(32))
INVITATION = bytes(i * 7 % 256 for i in range(620))


@given(st.binary(min_size=1, max_size=1024))
def test_any_invitation_survives_mail_programs(data):
    text = text_of_invitation(data)
    folded = "\r\n > ".join(text[i : i + 60] for i in range(0, len(text), 60))
    assert invitation_of_text(folded.lower().replace(">", " ")) == data


@given(st.text(max_size=400))
def test_no_text_makes_trouble(text):
    for prefix in ("", "PRESENCE-REQUEST-1:", "PRESENCE-INVITATION-1:"):
        for read in (invitation_of_text, lambda t: request_of_text(t, DEP_ID)):
            with pytest.raises(EncodingError):
                read(prefix + text)


@given(st.integers(0, 90), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_every_slip_of_one_character_is_noticed(at, letter):
    text = text_of_request(DEP_ID, NONCE)
    head, body = text.split(":")
    at %= len(body)
    wrong = f"{head}:{body[:at]}{letter}{body[at + 1 :]}"
    if wrong != text:
        with pytest.raises(EncodingError):
            request_of_text(wrong, DEP_ID)


def test_a_request_names_its_deployment():
    text = text_of_request(DEP_ID, NONCE)
    assert len(text) == 103
    assert request_of_text(text, DEP_ID) == NONCE
    with pytest.raises(ForeignStateError):
        request_of_text(text, bytes(16))


def test_a_request_is_no_invitation():
    with pytest.raises(EncodingError, match="PRESENCE-INVITATION-1"):
        invitation_of_text(text_of_request(DEP_ID, NONCE))


@pytest.mark.parametrize("size", [0, MAX_INVITATION_SIZE + 1])
def test_nothing_is_written_that_nobody_can_read(size):
    with pytest.raises(LengthError, match="take what `invite` gave"):
        text_of_invitation(bytes(size))


def test_texts_are_bounded_before_anything_is_built_from_them():
    with pytest.raises(EncodingError):
        invitation_of_text("PRESENCE-INVITATION-1:" + "A" * 10_000_000)


# --- pictures


def modules_of_png(data):
    """Read a PNG of one bit a pixel with filters none and up: what segno writes."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed = 8, b""
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if name == b"IHDR":
            width, height, depth, *_ = struct.unpack(">IIBBBBB", body)
        packed += body if name == b"IDAT" else b""
        at += size + 12
    assert depth == 1
    stride = 1 + (width + 7) // 8
    raw = zlib.decompress(packed)
    rows, above = [], bytes(stride - 1)
    for i in range(height):
        kind, *row = raw[i * stride : (i + 1) * stride]
        assert kind in (0, 2)
        if kind == 2:
            row = [(a + b) % 256 for a, b in zip(row, above, strict=True)]
        rows.append(row)
        above = row
    pixels = [[row[x // 8] >> (7 - x % 8) & 1 for x in range(width)] for row in rows]
    light = pixels[0][0]
    return [[int(p != light) for p in row[::SCALE]] for row in pixels[::SCALE]]


def modules_of_terminal(art):
    halves = {"\u2588": (0, 0), "\u2580": (0, 1), "\u2584": (1, 0), " ": (1, 1)}
    rows = []
    for line in art.splitlines():
        pairs = [halves[c] for c in line]
        rows += [[a for a, _ in pairs], [b for _, b in pairs]]
    return rows


@pytest.mark.parametrize(
    "text", [text_of_request(DEP_ID, NONCE), text_of_invitation(INVITATION)]
)
def test_both_pictures_are_the_code_that_the_library_makes(text):
    code = segno.make_qr(text, error="m", mode="alphanumeric", boost_error=False)
    expected = [list(map(int, row)) for row in code.matrix_iter(border=BORDER)]
    assert modules_of_png(png_of_text(text)) == expected
    art = modules_of_terminal(terminal_of_text(text))
    assert art[: len(expected)] == expected
    assert code.mode == "alphanumeric"


def test_an_invitation_fits_a_screen():
    art = terminal_of_text(text_of_invitation(INVITATION)).splitlines()
    assert len(art[0]) <= 110
    assert len(art) <= 55


@pytest.mark.parametrize(
    "text", [text_of_request(DEP_ID, NONCE), text_of_invitation(INVITATION)]
)
def test_another_program_reads_the_picture(text):
    reader = pytest.importorskip("zxingcpp")
    numpy = pytest.importorskip("numpy")
    modules = numpy.array(modules_of_png(png_of_text(text)), dtype=numpy.uint8)
    picture = numpy.kron(255 * (1 - modules), numpy.ones((4, 4), dtype=numpy.uint8))
    assert [found.text for found in reader.read_barcodes(picture)] == [text]


def test_a_text_that_is_no_letter_has_no_picture():
    with pytest.raises(InputError, match="send it as text"):
        terminal_of_text("small letters")
    with pytest.raises(InputError):
        png_of_text("A" * 5000)


# --- foreign text


@given(st.binary(max_size=54))
def test_no_bytes_of_a_friend_move_the_cursor(data):
    text = shown(data)
    assert text.isprintable()
    assert len(text) <= len(data)
