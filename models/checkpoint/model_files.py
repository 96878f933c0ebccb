"""The files of a checkpoint folder that are read, each within the bounds of what it is."""

import glob
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models import errors
from models.checkpoint import bounded_files

MAX_CONFIG_BYTES = 4 << 20
MAX_TOKENIZER_BYTES = 64 << 20
MAX_TEMPLATE_BYTES = 1 << 20
ADAPTER_WEIGHTS, ADAPTER_CONFIG = "adapters.safetensors", "adapter_config.json"  # as mlx-lm names them
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")

# Names of files that mlx-lm or transformers may open in a folder. Others are never looked at. A Mac's disk does not tell
# upper from lower case.
READ = re.compile(r".+\.(json|safetensors|jinja|txt|model|tiktoken)", re.IGNORECASE)
WEIGHTS = ".safetensors"
INDEX = "model.safetensors.index.json"
_WHOLE = "model.safetensors"
_PREDICTION = re.compile(r"(?:^|\.)mtp(?:\.|_)")
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")


def max_bytes(name: str) -> int | None:
    """The largest that a file of this name may be; None for weights, which have their own header."""
    name = name.lower()
    if name.endswith(".safetensors"):
        return None
    if name == "config.json":
        return MAX_CONFIG_BYTES
    return MAX_TEMPLATE_BYTES if name.endswith(".jinja") else MAX_TOKENIZER_BYTES


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json. Raises NotFound when there is none and Corrupt when it is no JSON object."""
    path = folder / "config.json"
    if not path.exists():
        raise errors.NotFound(f"{folder} holds no model: there is no config.json in it.")
    return bounded_files.read_json(path, MAX_CONFIG_BYTES)


def read_optional(folder: Path, name: str) -> dict[str, Any]:
    """Read another JSON file of the folder; {} when there is none. Raises Corrupt when it is no JSON object."""
    path = folder / name
    return bounded_files.read_json(path, max_bytes(name) or MAX_CONFIG_BYTES) if path.exists() else {}


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that are the model: those of its index; without one model.safetensors, or else its shards.

    Variants, leftovers and files for other programs may lie beside them and are never read. Raises NotFound when there
    are none, Corrupt when one of the index is missing, Unsafe when the index leads out of the folder.
    """
    if wanted := indexed_files(weight_map(folder)):
        for name in wanted:
            if name != Path(name).name or "\\" in name:
                raise errors.Unsafe(f"{folder.name} names a file of weights outside of its folder: {name[:80]!r}.")
        if missing := [name for name in wanted if not name.endswith(WEIGHTS) or not (folder / name).is_file()]:
            text = f"{folder.name} is not whole: {min(missing)[:80]!r} is missing."
            raise errors.Corrupt(text, "Download or copy it again.")
        return sorted(folder / name for name in wanted)
    if (folder / _WHOLE).is_file():
        return [folder / _WHOLE]
    found = sorted(path for path in folder.iterdir() if _SHARD.fullmatch(path.name))
    if not found:
        hint = "Files in pickle form (.bin, .pth) are never read."
        raise errors.NotFound(f"{folder.name} has no weights in safetensors files.", hint)
    return found


def weight_map(folder: Path) -> dict[str, str]:
    """The file of each tensor by the folder's index; {} without one."""
    named = read_optional(folder, INDEX).get("weight_map")
    return {str(name): str(file) for name, file in named.items()} if isinstance(named, dict) else {}


def indexed_files(places: dict[str, str]) -> set[str]:
    """The files that an index names, places being its weight_map, but for those of multi-token prediction alone, which
    no model of mlx-lm's has.
    """
    return {file for tensor, file in places.items() if _PREDICTION.search(tensor) is None}


def stray_weights(folder: Path) -> set[Path]:
    """The safetensors files of a folder that are not the model's; none where there is no whole model."""
    try:
        return {path for path in folder.iterdir() if path.suffix == WEIGHTS} - set(weight_files(folder))
    except errors.StillroomError:
        return set()


@contextmanager
def for_mlx_lm(folder: Path) -> Iterator[Path]:
    """Give a folder in which mlx-lm finds the model's weights and no others.

    It takes all files of the pattern model*.safetensors, strays too, and finds none in a folder called "model [1]".
    """
    files = weight_files(folder)
    if glob.escape(str(folder)) == str(folder) and files == sorted(folder.glob("model*.safetensors")):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="stillroom-") as place:
        for path in folder.iterdir():
            if READ.fullmatch(path.name) and path.suffix != WEIGHTS and path.name != INDEX:
                (Path(place) / path.name).symlink_to(path.absolute())
        for number, path in enumerate(files, 1):
            (Path(place) / f"model-{number:05}-of-{len(files):05}.safetensors").symlink_to(path.absolute())
        yield Path(place)
