"""Private information retrieval: layouts, queries, answers, reconstruction.

Names load when they are first used (PEP 562); numba only when its kernel is chosen.

Which backend: `XorPir` unless a server is expected to lie (`ShamirPir`), the table is
large and there are exactly two servers (`DpfPir`), or there is only one or the table is
small (`DownloadPir`).  `Dp5Pir` is for comparison.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the same names for type checkers and editors
    from private_presence.pir.backend import Lookup as Lookup
    from private_presence.pir.backend import PirBackend as PirBackend
    from private_presence.pir.backend import PirServer as PirServer
    from private_presence.pir.backend import Query as Query
    from private_presence.pir.download import DownloadPir as DownloadPir
    from private_presence.pir.dp5 import Dp5Pir as Dp5Pir
    from private_presence.pir.dpf_pir import DpfPir as DpfPir
    from private_presence.pir.kernels import Kernel as Kernel
    from private_presence.pir.kernels import load_kernel as load_kernel
    from private_presence.pir.layout import build_fuse_table as build_fuse_table
    from private_presence.pir.manifest import FuseManifest as FuseManifest
    from private_presence.pir.records import Records as Records
    from private_presence.pir.shamir import ShamirPir as ShamirPir
    from private_presence.pir.table import Table as Table
    from private_presence.pir.table import TableId as TableId
    from private_presence.pir.xor import XorPir as XorPir

# Public name -> the module that defines it.
_HOME = {
    "DownloadPir": "download",
    "Dp5Pir": "dp5",
    "DpfPir": "dpf_pir",
    "FuseManifest": "manifest",
    "Kernel": "kernels",
    "Lookup": "backend",
    "PirBackend": "backend",
    "PirServer": "backend",
    "Query": "backend",
    "Records": "records",
    "ShamirPir": "shamir",
    "Table": "table",
    "TableId": "table",
    "XorPir": "xor",
    "build_fuse_table": "layout",
    "load_kernel": "kernels",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_HOME)}"
        )
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
