"""Where things live. STILLROOM_HOME moves all of it; without it, the system's own folder for application data.

home/
  settings.toml
  stillroom.db        chats and jobs (models/store)
  models/NAME/        checkpoints that Stillroom made or imported, each with a stillroom.json (models/library/installed.py)
  adapters/NAME/      what fine-tuning made, each with a stillroom.json
  used/               one empty file a model, as old as its last use
  library.json        what was found out about each folder, so that it is not read again
  logs/               one file a process kind
  backups/            copies of the database
  traces/NAME/        sets of traces (models/traces/store.py)
  runs/ID/            fine-tuning runs: configuration, metrics, checkpoints (models/finetune/checkpoints.py)
  evaluations/ID/     evaluations: problems, replies, verdicts (models/evaluate/run_folder.py)
  manifests/REPO/     which files a download is made of (models/hub/manifests.py)
  tmp/                temporary files of engine processes, a folder each (models/machine/scratch.py)
  dwq/NAME/           what a learned quantization has learned so far
  hub_token           the Hub's token where there is no keychain, readable by its owner alone
  accepted_tests.json which tests of tasks may run
  window.lock         held while the window is open

All of it is for its owner's eyes: folders have mode 0700 and files 0600, as they are made. A home from before that is
tightened when it is first looked at.
"""

import contextlib
import functools
import os
import re
import stat
from pathlib import Path

import platformdirs

from models import utf8
from models.errors import BadInput, disk_faults

ADAPTERS = "adapters/"


def home() -> Path:
    """The folder of everything Stillroom keeps, made on first use with mode 0700: chats are private."""
    configured = os.environ.get("STILLROOM_HOME")
    folder = typed(configured) if configured else Path(platformdirs.user_data_dir("Stillroom", appauthor=False))
    elsewhere = "Set STILLROOM_HOME to a folder you may write to."
    if not utf8.is_whole(str(folder)):
        raise BadInput(f"Stillroom can't keep anything in {utf8.whole(str(folder))}: its name is not UTF-8.", elsewhere)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"Stillroom can't keep anything in {folder}: {why}.", elsewhere) from error
    folder = folder.resolve()
    _tighten_home(folder)
    return folder


def is_readonly() -> bool:
    """Whether nothing can be written in the home: a disk that is not to be changed, or another user's."""
    return not os.access(home(), os.W_OK)


def models_folder() -> Path:
    """The folder that holds one sub-folder per model."""
    return _made(home() / "models")


def adapter_place(name: str) -> Path:
    """Where an adapter of that name lies; one that has a model's name is called adapters/NAME."""
    return adapters_folder() / name.removeprefix(ADAPTERS)


def adapters_folder() -> Path:
    """The folder that holds one sub-folder per adapter."""
    return _made(home() / "adapters")


def used_folder() -> Path:
    """The folder of marks that say when a model was last used."""
    return _made(home() / "used")


def library_file() -> Path:
    """What was found out about the folders of models."""
    return home() / "library.json"


def logs_folder() -> Path:
    """The folder of log files."""
    return _made(home() / "logs")


def backups_folder() -> Path:
    """The folder of database backups, beside the data and not in it."""
    return _made(home() / "backups")


def traces_folder() -> Path:
    """The folder that holds one sub-folder per set of traces."""
    return _made(home() / "traces")


def runs_folder() -> Path:
    """The folder that holds one sub-folder per fine-tuning run."""
    return _made(home() / "runs")


def evaluations_folder() -> Path:
    """The folder that holds one sub-folder per evaluation."""
    return _made(home() / "evaluations")


def manifests_folder() -> Path:
    """The folder that holds one sub-folder per repository that is being downloaded."""
    return _made(home() / "manifests")


def learned_folder() -> Path:
    """The folder of quantizations that are being learned, one sub-folder each; perhaps not there."""
    return home() / "dwq"


def scratch_folder() -> Path:
    """The folder of temporary files."""
    return _made(home() / "tmp")


def compiled_folder() -> Path:
    """What MLX had compiled, for the processes to come: among this user's caches, in a folder of mode 0700."""
    caches = Path(platformdirs.user_cache_dir("Stillroom", appauthor=False))
    caches.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _made(caches / "compiled")


def hub_token_file() -> Path:
    """The Hub's token, where the system has no keychain."""
    return home() / "hub_token"


def accepted_tests_file() -> Path:
    """The hashes of tests that the user lets run."""
    return home() / "accepted_tests.json"


def window_lock() -> Path:
    """The file that an open window holds."""
    return home() / "window.lock"


def database_file() -> Path:
    """The SQLite file of chats and jobs."""
    return home() / "stillroom.db"


def settings_file() -> Path:
    """The settings, TOML."""
    return home() / "settings.toml"


def hf_home() -> Path:
    """Hugging Face's own folder: HF_HOME, or `huggingface` among the user's caches."""
    named = os.environ.get("HF_HOME")
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expanded(named) if named else expanded(caches) / "huggingface"


def hub_cache() -> Path:
    """The standard cache of Hub downloads, resolved as huggingface_hub does, now and not when that was imported."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return expanded(named) if named else hf_home() / "hub"


def expanded(path: str) -> Path:
    """A path of the environment with its variables and ~ replaced. Raises BadInput for one that is not UTF-8."""
    if not utf8.is_whole(path):
        raise BadInput(f"The environment names a folder that is not UTF-8: {utf8.whole(path)}.", "Name another one.")
    return typed(os.path.expandvars(path))


def typed(path: str | Path) -> Path:
    """A path with ~ replaced; ~ and a name that is no user's stays, where Path.expanduser fails."""
    return Path(os.path.expanduser(path))


def with_ending(path: str | Path, ending: str) -> Path:
    """A path that ends so: with the ending added unless it is there. A name keeps its dots, 1.5B is no ending."""
    path = Path(path)
    return path if path.suffix.lower() == ending else path.with_name(path.name + ending)


def portable(path: str | Path) -> str:
    """A path as a record holds it: as seen from home, so that it leads there when both have moved."""
    return os.path.relpath(path, home())


def recorded(path: str) -> Path:
    """Where a path of a record leads; records of earlier versions hold absolute ones."""
    return Path(os.path.normpath(home() / path))


def readable(recorded_path: str) -> str:
    """The same for a person: where a path of a record leads; anything else as it is."""
    return str(recorded(recorded_path)) if recorded_path.startswith("../") else recorded_path


def resources() -> Path:
    """The folder of catalog, icons, help pages and other data that come with Stillroom."""
    here = Path(__file__).resolve().parent
    in_wheel = here / "resources"  # where setup.py puts it; in a clone it stands beside the packages
    return in_wheel if in_wheel.is_dir() else here.parent / "resources"


def owners_alone(path: str, flags: int) -> int:
    """Open a file for `open(…, opener=)`; one that is made by it has mode 0600."""
    return os.open(path, flags, 0o600)


def tighten(folder: Path) -> None:
    """Take from everybody else what they may do with a folder and all in it, as far as this user may say so.

    Links are left alone, and files of which another name may stand somewhere else.
    """
    _close(folder)
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            _close(Path(parent, name))


def _close(path: Path) -> None:
    with contextlib.suppress(OSError):
        found = path.lstat()
        is_alone = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
        if is_alone and found.st_mode & 0o077:
            path.chmod(0o700 if stat.S_ISDIR(found.st_mode) else stat.S_IMODE(found.st_mode) & 0o600)


@functools.cache
def _tighten_home(folder: Path) -> None:
    """Tighten what is Stillroom's own in a home that others may look into; once a process, and soon there is nothing left."""
    with contextlib.suppress(OSError):
        entries = [entry for entry in folder.iterdir() if _OURS.fullmatch(entry.name)]
        if len(entries) == len(list(folder.iterdir())):
            _close(folder)
        if any(entry.lstat().st_mode & 0o077 for entry in entries if not entry.is_symlink()):
            for entry in entries:
                tighten(entry) if entry.is_dir() and not entry.is_symlink() else _close(entry)


_OURS = re.compile(
    r"settings\.toml.*|stillroom.*\.db(-wal|-shm)?|library\.json.*|hub_token|window\.lock|models|adapters|used|logs|backups"
    r"|traces|runs|manifests|dwq|tmp"
)


def _made(folder: Path) -> Path:
    with disk_faults("making a folder", writing=True):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
