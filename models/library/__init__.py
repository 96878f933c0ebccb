"""The models and adapters of this machine: what is installed, what the catalog offers, what fits, and how one is got.

A script calls `models.library.list()`, `show(name)` and `remove(name)`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.library.installed import models as list
    from models.library.installed import remove, show

__all__ = ["bases", "catalog", "copies", "download", "fit", "installed", "list", "remove", "show", "starter"]


def __getattr__(name: str) -> Any:
    if name not in ("list", "remove", "show"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from models.library import installed

    return getattr(installed, "models" if name == "list" else name)
