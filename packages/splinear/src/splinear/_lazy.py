# Names that load when they are first used (PEP 562), for all packages here.

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy(
    package: str, home: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    `home` maps each public name to the module that defines it: in full, or, without a
    dot, within the package. Nothing is imported before a name needs it.
    """
    names = vars(sys.modules[package])

    def __getattr__(name: str) -> object:
        if name not in home:
            public = ", ".join(names["__all__"])
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; it has {public}"
            )
        where = home[name] if "." in home[name] else f"{package}.{home[name]}"
        value = getattr(import_module(where), name)
        names[name] = value  # the next access does not come here
        return value

    def __dir__() -> list[str]:
        return sorted({*names, *home})

    return __getattr__, __dir__
