"""The storage's fixtures: the same tests on both databases."""

from private_presence.server.storage.tests.conftest import postgres, storage, url

__all__ = ["postgres", "storage", "url"]
