"""What the environment cannot run is left out: torch and transformers are extras.

The tests themselves skip, with the reason; this concerns the examples in docstrings.
"""

import importlib.util

NEEDS_TRANSFORMERS = [
    "cache.py",
    "diagnostics.py",
    "families.py",
    "finetune.py",
    "interface.py",
    "conversion.py",
    "testing.py",
    "transfer.py",
    "_teacher.py",
    "_training.py",
]


def is_usable():
    """Whether transformers can build models: a foreign torchvision breaks it."""
    try:
        from transformers import LlamaForCausalLM  # noqa: F401
    except ImportError:
        return False
    return True


collect_ignore_glob = []
if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["_*.py", "[a-z]*.py"]  # tests/ skip by themselves
elif not is_usable():
    collect_ignore_glob = NEEDS_TRANSFORMERS
