"""Examples that need torch or transformers are left out where those are missing."""

from splinear.attention.conftest import is_usable

collect_ignore_glob = [] if is_usable() else ["_*.py", "[a-z]*.py"]
