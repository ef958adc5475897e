"""What a budget buys: recall at equal bytes, on models trained here from scratch.

Names load when they are first used (PEP 562).
"""

from typing import TYPE_CHECKING

from splinear._lazy import lazy

if TYPE_CHECKING:  # the same names for type checkers and editors
    from splinear.attention.evaluation.budgets import Arm as Arm
    from splinear.attention.evaluation.budgets import equal_byte_arms as equal_byte_arms
    from splinear.attention.evaluation.budgets import kv_bytes as kv_bytes
    from splinear.attention.evaluation.budgets import state_bytes as state_bytes
    from splinear.attention.evaluation.comparison import Outcome as Outcome
    from splinear.attention.evaluation.comparison import compare as compare
    from splinear.attention.evaluation.models import small_decoder as small_decoder
    from splinear.attention.evaluation.mqar import MQARTask as MQARTask
    from splinear.attention.evaluation.passkey import PasskeyTask as PasskeyTask
    from splinear.attention.evaluation.recall import measure as measure
    from splinear.attention.evaluation.training import Stage as Stage
    from splinear.attention.evaluation.training import train_recall as train_recall

# Public name -> the module that defines it.
_HOME = {
    "Arm": "budgets",
    "MQARTask": "mqar",
    "Outcome": "comparison",
    "PasskeyTask": "passkey",
    "Stage": "training",
    "compare": "comparison",
    "equal_byte_arms": "budgets",
    "kv_bytes": "budgets",
    "measure": "recall",
    "small_decoder": "models",
    "state_bytes": "budgets",
    "train_recall": "training",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)

__getattr__, __dir__ = lazy(__name__, _HOME)
