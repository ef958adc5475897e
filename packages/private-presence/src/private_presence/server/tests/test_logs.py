"""Logs name what happened, and nobody."""

import io
import json
import logging

import pytest

from private_presence.server.logs import JsonLines, set_up_logs


@pytest.fixture
def lines():
    stream = io.StringIO()
    handler = set_up_logs("info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)
    logging.getLogger("private_presence").setLevel(logging.NOTSET)


def test_a_line_has_time_level_place_and_named_fields(lines):
    log = logging.getLogger("private_presence.test")
    log.info("table published", extra={"kind": "st", "epoch": 7, "tag": "secret"})
    log.debug("too fine")
    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "private_presence.test",
        "message": "table published",
        "kind": "st",
        "epoch": 7,
    }


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1", "10.0.0.1:443", "[2001:db8::1]:443", "2001:db8::1", "host.example:443",
     "ab" * 16, "q" * 43 + "=", "0123456789abcdef"],
)  # fmt: skip
def test_what_looks_like_an_address_or_a_key_is_blanked(lines, text):
    logging.getLogger("private_presence").warning("came from %s to here", text)
    (line,) = lines()
    assert text not in json.dumps(line)
    assert line["message"].startswith("came from …")


def test_ordinary_sentences_stay_whole(lines):
    text = "server 1 refuses ST 5948103: expected 96 bytes; got 97: ask its operator"
    logging.getLogger("private_presence").warning(text)
    assert lines()[0]["message"] == text


def test_other_libraries_give_name_and_level_only(lines):
    other = logging.getLogger("httpx.client")
    other.warning("GET https://example.org from 10.0.0.1")
    other.info("not at all")
    (line,) = lines()
    assert (line["logger"], line["level"]) == ("httpx", "warning")
    assert "message" not in line


def test_an_exception_leaves_types_and_places(lines):
    try:
        try:
            raise ValueError("10.0.0.1 hunter2")
        except ValueError as error:
            raise KeyError("tag abc") from error
    except KeyError:
        logging.getLogger("private_presence").exception("failed")
    (line,) = lines()
    assert "hunter2" not in json.dumps(line)
    assert "abc" not in json.dumps(line)
    assert {"ValueError", "KeyError"} < set(line["failure"])
    assert any(place.startswith("test_logs.py:") for place in line["failure"])


def test_a_sentence_is_one_line():
    record = logging.LogRecord("private_presence", 20, "", 0, "a\nb", (), None)
    assert "\n" not in JsonLines().format(record)
