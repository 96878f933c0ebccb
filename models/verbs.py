"""A room that is named after a verb can be called as one: `models.fuse(...)` does what models/fuse/fuse.py does.

Importing a room binds its name in the package, so a function of the same name could not stay there; the module object
itself gets the call instead (docs.python.org/3/reference/datamodel.html, customizing module attribute access).
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def make_callable(room: str, module: str, function: str) -> None:
    """Let calls of a room's module go to a function, imported at the first call. room: its __name__."""

    class Room(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return getattr(import_module(module), function)(*args, **kwargs)

    sys.modules[room].__class__ = Room
