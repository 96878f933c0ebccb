"""Which model an adapter or a run belongs to: known by fingerprint, whatever it is called and wherever it lies.

A quantized copy counts as its original: what was learned on one fits the other, and other copies of that original.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from models import errors, paths
from models.checkpoint import fingerprint, folders
from models.hub import cache
from models.library import installed

_RUN_CARD = "run_card.json"  # models/finetune/run_folder.py has all of it
_FAULTS = (errors.StillroomError, OSError)


class _Training(msgspec.Struct):
    base: str
    base_fingerprint: str = ""


def lineage(folder: Path) -> list[str]:
    """Fingerprints of a model and of what it was quantized from, its own first. Raises as fingerprint.of."""
    found, seen = [fingerprint.of(folder)], {folder}
    while (record := _record(folder)) is not None and record.recipe:
        if record.lineage:
            return [*found, *record.lineage]
        try:  # copies of earlier versions know their original by name alone
            folder = installed.find(record.original or record.repo or "/")
            found.append(fingerprint.of(folder))
        except _FAULTS:
            break
        if folder in seen:
            break
        seen.add(folder)
    return found


def mismatch(adapter: Path, model: Path, title: str) -> str:
    """What to say of an adapter that was trained on another model than this one; empty when it fits or nobody knows.

    title: what the model is called.
    """
    base, marks = _trained_on(adapter)
    try:
        if not marks or not marks.isdisjoint(lineage(model)):
            return ""
        with suppress(*_FAULTS):  # its base may itself be a copy of what this is, or is a copy of
            of_base = set(lineage(installed.find(base)))
            if not marks.isdisjoint(of_base) and not of_base.isdisjoint(lineage(model)):
                return ""
    except _FAULTS:
        return ""  # whoever loads the model says what is wrong with it
    if _is_copy_of(model, base):
        return ""
    return f"{adapter.name} was trained on {base or 'another model'}, which is not {title} as it is here."


def find(base: str, mark: str, place: str = "", asked: str = "") -> Path | None:
    """The folder of a model by its name and fingerprint; None when no model on this disk has that.

    place: where it was when that was recorded; asked: where somebody says that it is now, as installed.find takes it.
    """
    for folder in (*_named(asked), *_named(base, place), *_all()):
        with suppress(*_FAULTS):
            if not mark or fingerprint.of(folder) == mark:
                return folder
    return None


def is_there(base: str, place: str = "") -> bool:
    """Whether there is any model of that name, or in that place."""
    return any(True for _ in _named(base, place))


def _named(base: str, place: str = "") -> Iterator[Path]:
    if base:
        with suppress(*_FAULTS):
            yield installed.find(base)
    if place and (paths.recorded(place) / "config.json").is_file():
        yield paths.recorded(place)


def _all() -> Iterable[Path]:
    yield from installed.model_folders()
    for repo in cache.repos():
        with suppress(OSError):
            yield from (cache.folder(repo.repo) / "snapshots").iterdir()


def _trained_on(adapter: Path) -> tuple[str, set[str]]:
    """The name and the fingerprints of an adapter's base; of a run's checkpoint too."""
    record = _record(adapter)
    if record is not None and record.lineage:
        return record.base, set(record.lineage)
    for folder in (adapter, *adapter.parents[1:2]):
        with suppress(OSError, msgspec.MsgspecError):
            card = msgspec.json.decode((folder / _RUN_CARD).read_bytes(), type=_Training)
            return card.base, {card.base_fingerprint} - {""}
    return record.base if record else "", set()


def _is_copy_of(model: Path, base: str) -> bool:
    """Whether a model is an earlier version's copy of what had that name, which is gone: then nobody knows better."""
    record = _record(model)
    copied = record is not None and bool(record.recipe) and not record.lineage
    return copied and record is not None and base in (record.original, record.repo) and not is_there(base)


def _record(folder: Path) -> folders.ModelRecord | None:
    with suppress(errors.Corrupt):
        return folders.read_record(folder)
    return None
