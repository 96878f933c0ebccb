"""The table of model families (resources/families.toml): which tags they think in, how thinking is switched off.

It is data alone. What a checkpoint's template really does is found out by rendering it: models/generate/template.py.
"""

import re
import tomllib
from collections.abc import Callable, Container
from functools import cache
from itertools import chain
from typing import Literal

import msgspec

from models import paths


class Tags(msgspec.Struct, frozen=True):
    """The text around thinking; the phrase that leads to a forced close; what goes in place of an early one."""

    open: str
    close: str
    phrase: str = ""
    extension: str = "\nWait"


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """Sampling that a family's authors advise."""

    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """How a family of models thinks; the fields are documented in resources/families.toml."""

    id: str
    title: str
    open: str
    close: str
    trained: bool
    off: Literal["kwarg", "prefill", "system", "none"]
    sampling: Advice
    match: dict[str, str] = {}
    signs: list[dict[str, str]] = []
    general: bool = False
    off_text: str = "\n\n"
    on_system: str = ""
    off_system: str = ""
    off_sampling: Advice | None = None
    system: Literal["system", "user"] = "system"
    phrase: str = ""
    extension: str = "\nWait"

    @property
    def tags(self) -> Tags:
        """Its tags, with what is forced between them."""
        return Tags(self.open, self.close, self.phrase, self.extension)


@cache
def families() -> list[Family]:
    """The table, in order of precedence; the last entry matches everything."""
    table = tomllib.loads((paths.resources() / "families.toml").read_text("utf-8"))
    rows = [{"phrase": table["default_phrase"], **row} for row in table["family"]]
    return msgspec.convert(rows, list[Family])


def thinks(family_id: str, adapted: bool = False) -> bool:
    """Whether a model of a family thinks by itself. adapted: by an adapter, whose traces may well have been thoughts."""
    return adapted or any(family.trained for family in families() if family.id == family_id)


def family_of(
    name: str, architecture: str, template: str, vocabulary: Container[str] = (), recorded: str = ""
) -> Family:
    """The family of a model by what its files say, else by its record, by its name, by the general rows.

    name: the model's; architecture: config.json's model_type; recorded: the id that was found when the model was made.
    """

    def holds(wanted: dict[str, str]) -> bool:
        return (
            re.search(wanted.get("name", ""), name, re.IGNORECASE) is not None
            and wanted.get("template", "") in template
            and wanted.get("architecture", architecture) == architecture
            and ("token" not in wanted or wanted["token"] in vocabulary)
        )

    special = [family for family in families() if not family.general]
    by_files = (family for family in special if _in_files(family, holds))
    by_record = (family for family in special if family.id == recorded)
    by_name = (family for family in special if holds(family.match))
    general = (family for family in families() if family.general and holds(family.match))
    return next(chain(by_files, by_record, by_name, general))


def _in_files(family: Family, holds: Callable[[dict[str, str]], bool]) -> bool:
    signs = family.signs if "name" in family.match else [*family.signs, family.match]
    return any(map(holds, signs))
