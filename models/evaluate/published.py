"""Accuracies that others published, to stand beside what was measured here; never mixed up with it."""

import tomllib
from functools import cache

import msgspec

from models import paths


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A model's figures as its source prints them, in percent, by the name of a task."""

    title: str
    source: str
    accuracy: dict[str, float]


class _Table(msgspec.Struct, frozen=True):
    sources: dict[str, str]
    model: list[Published]


@cache
def published() -> list[Published]:
    """All of resources/published.toml, each with its source in full."""
    table = msgspec.convert(tomllib.loads((paths.resources() / "published.toml").read_text("utf-8")), _Table)
    return [msgspec.structs.replace(row, source=table.sources[row.source]) for row in table.model]
