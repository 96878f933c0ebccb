"""All kinds of jobs: a file each, found by looking into this folder."""

import functools
import importlib
from typing import Any, Union

import msgspec

from models.jobs.request import JobRequest


@functools.cache
def by_name() -> dict[str, type[JobRequest]]:
    """The kinds by their names on the wire."""
    import pkgutil  # which the window's first paint need not wait for

    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    classes = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
    return {cls.kind(): cls for cls in classes if issubclass(cls, JobRequest) and cls is not JobRequest}


def of(name: str) -> type[JobRequest]:
    """The kind of that name; for one that is not known, what all have in common."""
    return by_name().get(name, JobRequest)


@functools.cache
def steps_decoder() -> "msgspec.json.Decoder[list[JobRequest]]":
    """Reads the steps of a job as the database keeps them."""
    any_kind: Any = Union[tuple(by_name().values())]  # noqa: UP007 - made of what is there
    return msgspec.json.Decoder(list[any_kind])
