"""Which models of a list are copies of one another."""

from collections.abc import Mapping

from models.events import Model


def root(name: str, models: Mapping[str, Model]) -> str:
    """The name of what a model was quantized from in the end; its own when it was not. models: by name."""
    seen: set[str] = set()
    while name not in seen and (model := models.get(name)) is not None and model.recipe and model.original:
        seen.add(name)
        name = model.original
    return name
