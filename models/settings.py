"""What a person chose, in settings.toml: typed, bounded, written atomically, unknown keys of a newer version kept.

A budget in the file is a number of tokens or "unlimited", because TOML has no null; `budget_of` and `tokens_of` go
between it and the None that the engine speaks. A slip of the hand in the file costs the key it is in and nothing else.
"""

import contextlib
import logging
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta

from models import budgets, paths, utf8
from models.errors import Corrupt, from_os_error

log = logging.getLogger(__name__)

Theme = Literal["system", "light", "dark"]
Tokens = Annotated[int, Meta(ge=0, le=budgets.LARGEST)] | Literal["unlimited"]
Count = Annotated[int, Meta(ge=0, lt=2**31)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A way of asking, under a name."""

    name: Name
    system: str = ""
    temperature: Annotated[float, Meta(ge=0, le=5)] | None = None  # None for what the model's family advises
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None  # as temperature
    think: Tokens | None = None  # None leaves the chat's


class WindowSettings(msgspec.Struct, kw_only=True):
    """What the window remembers from one start to the next. Taken as a copy and put back whole; see Preferences.remember."""

    geometry: str = ""  # Qt's saveGeometry() in base64
    sidebar: bool = True  # unfolded
    page: str = "Chat"  # in front, by its title
    chat: Count = 0  # id of the chat that was shown, 0 for one that was not begun
    scroll: Annotated[int, Meta(ge=-1, lt=2**31)] = 0  # where its transcript stood, in pixels; -1 for the end
    draft: str = ""  # typed into a chat that was not begun
    thinking_open: bool = False  # thoughts are shown unfolded
    # What the library said when it was last read, for the time until it is read again:
    thinks: dict[str, bool] = {}  # by a model's name: trained to think
    titles: dict[str, tuple[str, str]] = {}  # by a model's name: its title and precision
    models_section: str = "discover"
    keep_precision: bool = False  # of imported GGUF files
    models_order: str = "name"
    drop_original: bool = False  # delete what was downloaded once it is quantized
    traces_set: str = ""  # by its name
    traces_show: str = "all"
    traces_folder: str | None = None  # where files of traces were last taken from; None for the user's own
    traces_longest: Annotated[int, Meta(ge=1)] | None = 8192  # tokens of a trace that is imported; None for no limit
    finetune_base: str = ""  # model that was last trained
    finetune_preset: str = ""
    finetune_run: str = ""  # by its key
    evaluate_group: str = ""  # evaluations that were shown, by the hash of their task
    evaluate_axis: str = "allowed"  # thinking tokens allowed, or used
    evaluate_enough: Annotated[float, Meta(ge=0, le=50)] = (
        5.0  # points to which an accuracy is to be known; 0: never mind
    )


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings."""

    theme: Theme = "system"
    default_model: Name = "starter"
    default_adapter: Annotated[str, Meta(max_length=200)] = ""  # on the default model in new chats; empty for none
    think: Tokens = 2048  # budget of new chats
    think_by_model: dict[str, Tokens] = {}  # budgets of new chats, by a model's name
    calm: bool = False  # models begin to hesitate less often while they think; models/generate/calm.py
    presets: list[Preset] = []  # the user's own; models/presets.py has those that come with Stillroom
    window: WindowSettings = msgspec.field(default_factory=WindowSettings)

    def budget_for(self, model: str, thinks: bool) -> int | None:
        """The budget a new chat with a model begins with. thinks: trained to think; one that is not begins with none."""
        return budget_of(self.think_by_model.get(model, self.think if thinks else 0))

    def with_budget(self, model: str, tokens: int | None) -> "Settings":
        """The same settings with another budget for a model."""
        return msgspec.structs.replace(self, think_by_model={**self.think_by_model, model: tokens_of(tokens)})

    def with_first(self, model: str, adapter: str, tokens: int | None, calm: bool) -> "Settings":
        """The same settings with another model, adapter and budget that new chats begin with."""
        new = msgspec.structs.replace(self, default_model=model, default_adapter=adapter, calm=calm)
        return new.with_budget(model, tokens)


def budget_of(tokens: Tokens) -> int | None:
    """A budget of the file as the engine speaks it."""
    return None if tokens == "unlimited" else tokens


def tokens_of(budget: int | None) -> Tokens:
    """A budget of the engine as the file speaks it."""
    return "unlimited" if budget is None else budget


def load() -> tuple[Settings, str]:
    """Read the settings, and a sentence for the user when something in the file could not be used.

    A key that holds what it can't hold gives its default, and stays in the file; a file that is no TOML is set aside.
    """
    file = paths.settings_file()
    try:
        try:
            table = _table(file)
        except _NOT_TOML as error:
            aside = _set_aside(file)
            found = Settings(), f"{_fault(error)} Defaults are used; the file is kept as {aside.name}."
        else:
            found = _usable(table)
    except OSError as error:
        found = Settings(), f"{from_os_error(error, 'reading the settings').text} Defaults are used."
    if found[1]:
        log.warning("%s", found[1])
    return found


def read() -> Settings:
    """Read the settings without touching the file. Raises Corrupt with the place of the fault, or OSError."""
    try:
        return msgspec.convert(_table(paths.settings_file()), Settings)
    except (*_NOT_TOML, msgspec.ValidationError) as error:
        raise Corrupt(_fault(error), f"Mend or delete {paths.settings_file()}.") from error


def save(settings: Settings) -> None:
    """Write the settings over the file, keeping in it what this version does not know or can't use. Raises a StillroomError."""
    try:
        file = paths.settings_file()
        try:
            kept = _table(file)
        except _NOT_TOML:
            _set_aside(file)
            kept = {}
        _write(file, utf8.whole(tomli_w.dumps(_without_null(_merged(kept, settings)))).encode())
    except OSError as error:
        raise from_os_error(error, "writing the settings", writing=True) from error


_NOT_TOML = (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError)


def _table(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_bytes().decode("utf-8-sig")) if file.exists() else {}


def _fault(error: Exception) -> str:
    return f"The settings can't be read: {error}."


def _usable(table: dict[str, Any]) -> tuple[Settings, str]:
    try:
        return msgspec.convert(table, Settings), ""
    except msgspec.ValidationError as error:
        values: dict[str, Any] = _fitting(table, Settings)
        if isinstance(window := table.get("window"), dict):
            values["window"] = WindowSettings(**_fitting(window, WindowSettings))
        if isinstance(presets := table.get("presets"), list):
            values["presets"] = [msgspec.convert(preset, Preset) for preset in presets if _is_preset(preset)]
        return Settings(**values), f"{_fault(error)} The default is used instead."


def _fitting(table: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """What a table holds of a struct's fields, without values that a field can't take."""
    values = {}
    for field in msgspec.structs.fields(kind):
        with contextlib.suppress(KeyError, msgspec.ValidationError):
            values[field.name] = msgspec.convert(table[field.name], field.type)
    return values


def _merged(kept: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The table to write: ours over what stands in the file, but a slip of the hand stays while its key is at the default."""
    table = _over(kept, settings, Settings())
    window = kept.get("window")
    if isinstance(window, dict):
        table["window"] = _over(window, settings.window, WindowSettings())
    written = kept.get("presets")
    if isinstance(written, list):
        known = {preset["name"]: preset for preset in written if _is_preset(preset)}
        ours = [{**known.get(preset.name, {}), **msgspec.to_builtins(preset)} for preset in settings.presets]
        table["presets"] = ours + [preset for preset in written if not _is_preset(preset)]
    return table


def _is_preset(value: object) -> bool:
    try:
        msgspec.convert(value, Preset)
    except msgspec.ValidationError:
        return False
    return True


def _over(kept: dict[str, Any], values: msgspec.Struct, defaults: msgspec.Struct) -> dict[str, Any]:
    fitting = _fitting(kept, type(values))
    slips = {
        name: kept[name]
        for name in values.__struct_fields__
        if name in kept and name not in fitting and getattr(values, name) == getattr(defaults, name)
    }
    return {**kept, **msgspec.to_builtins(values), **slips}


def _without_null(value: Any) -> Any:
    """A table without the values that TOML can't say, in the tables inside it too."""
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value if item is not None] if isinstance(value, list) else value


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
        with open(temporary, "wb", opener=paths.owners_alone) as out:
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
