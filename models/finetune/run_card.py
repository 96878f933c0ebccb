"""The card of a run: settings, data, versions, machine and base model, so that its folder alone replays it."""

import hashlib
import platform
import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from models import errors
from models.checkpoint import folders, model_files
from models.finetune.dataset import Example
from models.finetune.run_folder import CARD, TRAIN, VALID, RunCard, read_card
from models.finetune_config import FinetuneConfig
from models.machine import hardware

SAMPLES, SAMPLE_BYTES = 64, 64 << 10  # of each weight file


def create(
    run: Path,
    base_folder: Path,
    base: str,
    examples: list[Example],
    valid: list[Example],
    config: FinetuneConfig,
    adapter: str,
    traces: str = "",
) -> RunCard:
    """Write the folder of a run, its card last. Raises BadInput when there is a run in it, NotFound without a base."""
    if (run / CARD).exists():
        raise errors.BadInput(f"There is a run in {run} already.", "Resume it, or choose another folder.")
    _check_there(base, base_folder)
    card = RunCard(
        id=run.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        base=base,
        base_folder=str(base_folder.absolute()),
        base_fingerprint=fingerprint(base_folder),
        config=config,
        examples=len(examples),
        valid_examples=len(valid),
        adapter=adapter,
        traces=traces,
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


def read_examples(run: Path) -> tuple[list[Example], list[Example]]:
    """The examples to learn from and those held out. Raises Corrupt."""
    try:
        return _examples(run / TRAIN), _examples(run / VALID)
    except (OSError, msgspec.MsgspecError) as error:
        raise errors.Corrupt(f"The traces of the run {run.name} can't be read.", "Start a new run.") from error


def note_data(run: Path, data_hash: str) -> None:
    """Record the hash of the run's tokens in its card."""
    _write(run, msgspec.structs.replace(read_card(run), data_hash=data_hash))


def check_base(card: RunCard) -> None:
    """Raise NotFound when the run's base model is gone, BadInput when another one has taken its place."""
    folder = Path(card.base_folder)
    _check_there(card.base, folder)
    if fingerprint(folder) != card.base_fingerprint:
        fault = f"{card.base} is not the model that the run {card.id} began with: its files have changed."
        raise errors.BadInput(fault, "Put the earlier one back, or start a new run.")


def fingerprint(folder: Path) -> str:
    """A hash of a checkpoint's configuration and, of each weight file, its size, header and samples spread over it.

    Two models of one architecture never share a header and all samples by chance; reading all bytes of a large one
    would take a minute at each start.
    """
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in model_files.weight_files(folder):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for at in _sampled(size, file.read(8)):
                file.seek(at)
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _sampled(size: int, start: bytes) -> Iterable[int]:
    header = min(size, struct.unpack("<Q", start)[0]) if len(start) == 8 else 0
    in_header = range(0, header + 8, SAMPLE_BYTES)
    return [*in_header, *(size * number // SAMPLES for number in range(SAMPLES)), max(0, size - SAMPLE_BYTES)]


def _check_there(base: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        fault = f"The base model {base} is not there any more: {folder}."
        hint = f"`stillroom pull {base}` gets it" if "/" in base else "Get or import it"
        raise errors.NotFound(fault, f"{hint} again; the run can then be resumed.")


def _examples(path: Path) -> list[Example]:
    return [msgspec.json.decode(line, type=Example) for line in path.read_bytes().splitlines()]


def _write(run: Path, card: RunCard) -> None:
    folders.replace_file(run / CARD, folders.as_json(card))
