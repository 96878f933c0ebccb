"""What a person chose, in settings.toml: typed, bounded, written atomically, unknown keys of a newer version kept.

A budget in the file is a number of tokens or "unlimited", because TOML has no null; `budget_for` and `with_budget`
speak the None that the engine speaks. A file that can't be read is set aside and defaults are used: a slip in a
text file must not keep the program from starting.
"""

import logging
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta

from models import budgets, paths
from models.errors import Corrupt, from_os_error

log = logging.getLogger(__name__)

Theme = Literal["system", "light", "dark"]
Tokens = Annotated[int, Meta(ge=0, le=budgets.LARGEST)] | Literal["unlimited"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A way of asking, under a name. temperature and top_p: None for what the model's family advises."""

    name: Name
    system: str = ""
    temperature: Annotated[float, Meta(ge=0, le=5)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    think: Tokens | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. think_by_model: budgets by a model's name; window: sizes and places, the window's own business."""

    theme: Theme = "system"
    default_model: Name = "starter"
    think: Tokens = 2048
    think_by_model: dict[str, Tokens] = {}
    presets: list[Preset] = []
    window: dict[str, Any] = {}

    def budget_for(self, model: str, thinks: bool) -> int | None:
        """The budget a new chat with a model begins with. thinks: trained to think; one that is not begins with none."""
        chosen = self.think_by_model.get(model, self.think if thinks else 0)
        return None if chosen == "unlimited" else chosen

    def with_budget(self, model: str, tokens: int | None) -> "Settings":
        """The same settings with another budget for a model."""
        chosen: Tokens = "unlimited" if tokens is None else tokens
        return msgspec.structs.replace(self, think_by_model={**self.think_by_model, model: chosen})


def load() -> tuple[Settings, str]:
    """Read the settings, and a sentence for the user when the file could not be used and was set aside."""
    try:
        try:
            return read(), ""
        except Corrupt as error:
            aside = _set_aside(paths.settings_file())
            sentence = f"{error.text} Defaults are used; the file is kept as {aside.name}."
    except OSError as error:
        sentence = f"{from_os_error(error, 'reading the settings').text} Defaults are used."
    log.warning("%s", sentence)
    return Settings(), sentence


def read() -> Settings:
    """Read the settings without touching the file. Raises Corrupt with the place of the fault, or OSError."""
    try:
        return msgspec.convert(_table(paths.settings_file()), Settings)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise Corrupt(f"The settings can't be read: {error}.", f"Mend or delete {paths.settings_file()}.") from error


def save(settings: Settings) -> None:
    """Write the settings over the file, keeping the keys in it that this version does not know. Raises a StillroomError."""
    try:
        file = paths.settings_file()
        try:
            kept = _table(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
            _set_aside(file)
            kept = {}
        _write(file, tomli_w.dumps(_merged(kept, settings)).encode())
    except OSError as error:
        raise from_os_error(error, "writing the settings", writing=True) from error


def _table(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_bytes().decode("utf-8-sig")) if file.exists() else {}


def _merged(kept: dict[str, Any], settings: Settings) -> dict[str, Any]:
    written = kept.get("presets")
    presets = [preset for preset in written if isinstance(preset, dict)] if isinstance(written, list) else []
    known = {preset.get("name"): preset for preset in presets}
    table = {**kept, **msgspec.to_builtins(settings)}
    table["presets"] = [{**known.get(preset["name"], {}), **preset} for preset in table["presets"]]
    return _without_null(table)


def _without_null(table: dict[str, Any]) -> dict[str, Any]:
    """A table without the values that TOML can't say, in the tables inside it too."""
    return {key: _plain(value) for key, value in table.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_null(value)
    return [_plain(item) for item in value if item is not None] if isinstance(value, list) else value


def _set_aside(file: Path) -> Path:
    """Rename a file that can't be used; an earlier one that was set aside stays too."""
    aside = file.with_name(f"{file.name}.broken")
    number = 2
    while aside.exists():
        aside = file.with_name(f"{file.name}.broken-{number}")
        number += 1
    return file.rename(aside)


def _write(file: Path, content: bytes) -> None:
    """Write beside and rename into place, so that a kill or a full disk leaves the old file whole."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
