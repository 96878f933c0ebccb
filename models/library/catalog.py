"""The models Stillroom offers by itself, and which of their variants fits a machine.

The table is data (resources/catalog.toml, where every key is explained); here it is read, searched, and set against
the memory of a machine. Nothing is asked of the network.
"""

import tomllib
from functools import cache
from typing import Annotated, Any

import msgspec

from models import paths, quantities, recipes
from models.architectures import ARCHITECTURES
from models.checkpoint.shapes import ModelShape as ModelShape
from models.library import fit
from models.machine import hardware

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Repo = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=96)]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**50)]
Value = Annotated[float, msgspec.Meta(ge=0, le=4000)]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A published score."""

    benchmark: str
    value: float
    source: str
    how: str  # samples, temperature and limits it was taken with


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model of the catalog; its fields are documented in resources/catalog.toml."""

    repo: Repo
    revision: Text
    title: Text
    base: Text
    family: Text
    architecture: Text
    params: Count
    shape: ModelShape
    context: Count
    licence: Text
    original_bytes: Count
    summary: Text
    gated: bool = False
    head_copied: bool = False
    quantization: dict[str, int | dict[str, int]] = {}
    built_in: str = ""
    scores: list[Score] = []

    @property
    def own_recipe(self) -> recipes.Recipe | None:
        """How the original is quantized already; None when it is not."""
        bits, group_size = self.quantization.get("bits"), self.quantization.get("group_size")
        return recipes.parse(f"{bits}bit", group_size) if isinstance(group_size, int) else None


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant of a model."""

    recipe: str  # "" for the original
    size_bytes: int  # on disk
    needed_bytes: int  # memory in a chat
    state: fit.State
    sentence: str


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A model with its variants on one machine."""

    entry: CatalogEntry
    choices: list[Variant]  # the original first, then recipes as menus offer them
    recommended: Variant | None
    memory_bytes: int  # what the recommended one needs, or the smallest that could be when it does not fit
    state: fit.State
    sentence: str


class _ScoreSource(msgspec.Struct, forbid_unknown_fields=True):
    title: Text
    how: Text


@cache
def entries() -> list[CatalogEntry]:
    """The catalog, in its order. Raises msgspec.ValidationError when the file is not as it should be."""
    return read((paths.resources() / "catalog.toml").read_text("utf-8"))


def read(text: str) -> list[CatalogEntry]:
    """Read a catalog. Raises msgspec.ValidationError with the place that is wrong."""
    table = tomllib.loads(text)
    sources = msgspec.convert(table.get("source", {}), dict[str, _ScoreSource])
    return [_entry(row, sources) for row in table.get("model", [])]


def find(name: str) -> CatalogEntry | None:
    """The entry of a repo, a title or a built-in name; case does not matter."""
    wanted = name.strip().lower()
    names = ((entry, (entry.repo, entry.title, entry.built_in)) for entry in entries())
    return next((entry for entry, own in names if wanted and wanted in [each.lower() for each in own]), None)


def search(query: str) -> list[CatalogEntry]:
    """The entries that contain every word of a query in name, base, family or licence."""
    words = query.lower().split()

    def text(entry: CatalogEntry) -> str:
        own = (entry.repo, entry.title, entry.base, entry.family, entry.licence, entry.built_in)
        return "\n".join(own).lower()

    return [entry for entry in entries() if all(word in text(entry) for word in words)]


def offers(machine: hardware.Machine | None = None) -> list[Offer]:
    """The catalog as this machine, or another, can run it."""
    return [offer(entry, machine) for entry in entries()]


def offer(entry: CatalogEntry, machine: hardware.Machine | None = None) -> Offer:
    """One model's variants on this machine, or another, and the one to take."""
    machine = machine or hardware.machine()
    # What is quantized already is not quantized again: the errors would add up.
    names = ("",) if entry.quantization else ("", *recipes.OFFERED)
    choices = [_choice(entry, name, machine) for name in names]
    recommended = _recommended(entry, choices, machine)
    # What would be recommended on a larger Mac: with fewer bits it might go in here, and not be worth it.
    shown = recommended or next((choice for choice in choices if choice.recipe == fit.LEAST), choices[0])
    memory = quantities.size(shown.needed_bytes)
    summary = _title(entry, shown) if recommended else fit.needs(shown.needed_bytes, machine)
    return Offer(
        entry=entry,
        choices=choices,
        recommended=recommended,
        memory_bytes=shown.needed_bytes,
        state=recommended.state if recommended else "too_big",
        sentence=f"{memory} · {summary}" if memory not in summary else summary,
    )


def warnings(entry: CatalogEntry, recipe: str) -> list[str]:
    """Warnings before getting a model of the catalog on this machine: a sentence when it can't fit, else nothing."""
    choice = next((choice for choice in offer(entry).choices if choice.recipe == recipe), None)
    return [f"{entry.title} {choice.sentence}."] if choice is not None and choice.state == "too_big" else []


def _entry(row: dict[str, Any], sources: dict[str, _ScoreSource]) -> CatalogEntry:
    architecture = ARCHITECTURES.get(row.get("architecture", ""))
    if architecture is None:
        raise msgspec.ValidationError(f"Unknown architecture {row.get('architecture')!r} - at {row.get('repo')}")
    published = msgspec.convert(row.get("scores", {}), dict[str, dict[Text, Value]])
    if unknown := published.keys() - sources.keys():
        raise msgspec.ValidationError(f"No source {min(unknown)!r} - at the scores of {row.get('repo')}")
    scores = [
        Score(benchmark=benchmark, value=value, source=sources[source].title, how=sources[source].how)
        for source, values in published.items()
        for benchmark, value in values.items()
    ]
    shape = {**row.get("shape", {}), "attention_bias": architecture.qkv_bias, "qk_norms": architecture.qk_norms}
    entry = msgspec.convert({**row, "shape": shape, "scores": []}, CatalogEntry)
    return msgspec.structs.replace(entry, scores=scores)


def _choice(entry: CatalogEntry, name: str, machine: hardware.Machine) -> Variant:
    recipe = recipes.parse(name) if name else entry.own_recipe
    size = fit.weights_bytes(entry.shape, recipe) if name else entry.original_bytes
    # The copy of a tied head is read and let go.
    held = None if name or not entry.quantization else size
    context = min(fit.CONTEXT, entry.context)
    here = fit.runs_in_float32(machine)
    needed = fit.needed_bytes(entry.shape, recipe, context, as_run_here=here, stored_bytes=held)
    state = fit.judge(needed, machine)
    sentence = _sentence(needed, state, context, machine)
    return Variant(recipe=name, size_bytes=size, needed_bytes=needed, state=state, sentence=sentence)


def _sentence(needed: int, state: fit.State, context: int, machine: hardware.Machine) -> str:
    memory = quantities.size(needed)
    if state == "fits":
        return f"takes {memory} with {context:,} tokens of context"
    if state == "tight":
        return f"takes {memory} of the {quantities.size(fit.room_bytes(machine))} there are: close other programs"
    return fit.needs(needed, machine)


def _recommended(entry: CatalogEntry, choices: list[Variant], machine: hardware.Machine) -> Variant | None:
    if len(choices) == 1:
        return choices[0] if choices[0].state != "too_big" else None
    recipe = fit.recommend(entry.shape, machine)
    return next((choice for choice in choices if recipe and choice.recipe == recipe.name), None)


def _title(entry: CatalogEntry, choice: Variant) -> str:
    if choice.recipe:
        return recipes.parse(choice.recipe).title
    return "built in" if entry.built_in else "16-bit"
