"""Tests of the whole system; there is nothing else here."""
