"""The card of a run: settings, data, versions, machine and base model, so that its folder alone replays it."""

import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from models import errors, paths
from models.checkpoint import fingerprint, folders, model_files
from models.finetune.examples import Example
from models.finetune.run_folder import CARD, TRAIN, VALID, RunCard, read_card
from models.finetune_config import FinetuneConfig
from models.library import bases
from models.machine import hardware


def create(
    run: Path,
    base_folder: Path,
    base: str,
    examples: list[Example],
    valid: list[Example],
    config: FinetuneConfig,
    adapter: str,
    traces: str = "",
    traces_hash: str = "",
    held_out: float | None = None,
) -> RunCard:
    """Write the folder of a run, its card last. Raises BadInput when there is a run in it, NotFound without a base."""
    if (run / CARD).exists():
        raise errors.BadInput(f"There is a run in {run} already.", "Resume it, or choose another folder.")
    if not (base_folder / "config.json").is_file():
        raise _gone(base)
    card = RunCard(
        id=run.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        base=base,
        base_folder=paths.portable(base_folder.absolute()),
        base_fingerprint=fingerprint.of(base_folder),
        dtype=_dtype(base_folder),
        config=config,
        examples=len(examples),
        valid_examples=len(valid),
        adapter=adapter,
        traces=traces,
        traces_hash=traces_hash,
        held_out=held_out,
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in ("mlx", "mlx-lm")}},
        machine=hardware.machine(),
    )
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, part in ((TRAIN, examples), (VALID, valid)):
            folders.write_file(run / name, b"".join(msgspec.json.encode(one) + b"\n" for one in part))
        _write(run, card)
    except OSError as error:
        raise errors.from_os_error(error, "writing the run", writing=True) from error
    return card


def _dtype(folder: Path) -> str:
    config = model_files.read_config(folder)
    return str(config.get("torch_dtype") or config.get("dtype") or "")


def read_examples(run: Path) -> tuple[list[Example], list[Example]]:
    """The examples to learn from and those held out. Raises Corrupt."""
    try:
        return _examples(run / TRAIN), _examples(run / VALID)
    except (OSError, msgspec.MsgspecError) as error:
        raise errors.Corrupt(f"The traces of the run {run.name} can't be read.", "Start a new run.") from error


def note_data(run: Path, data_hash: str) -> None:
    """Record the hash of the run's tokens in its card."""
    _write(run, msgspec.structs.replace(read_card(run), data_hash=data_hash))


def note_adapter(run: Path, name: str) -> None:
    """Record that what the run makes has another name than was wanted."""
    _write(run, msgspec.structs.replace(read_card(run), adapter=name))


def find_base(card: RunCard, asked: str = "") -> Path:
    """The folder of a run's base model, wherever it is by now.

    asked: where it is said to be, as installed.find takes it. Raises NotFound when it is gone, BadInput when another one has taken its place.
    """
    found = bases.find(card.base, card.base_fingerprint, card.base_folder, asked)
    if found is not None:
        return found
    if bases.is_there(card.base, card.base_folder):
        fault = f"{card.base} is not the model that the run {card.id} began with: its files have changed."
        raise errors.BadInput(fault, "Put the earlier one back, or start a new run.")
    raise _gone(card.base)


def _gone(base: str) -> errors.NotFound:
    hint = f"`stillroom pull {base}` gets it" if "/" in base else "Get or import it"
    return errors.NotFound(
        f"The base model {base} is not there any more.", f"{hint} again; the run can then be resumed."
    )


def _examples(path: Path) -> list[Example]:
    return [msgspec.json.decode(line, type=Example) for line in path.read_bytes().splitlines()]


def _write(run: Path, card: RunCard) -> None:
    folders.replace_file(run / CARD, folders.as_json(card))
