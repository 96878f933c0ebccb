"""Where things live. STILLROOM_HOME moves all of it; without it, the system's own folder for application data.

home/
  settings.toml
  stillroom.db        chats, runs, evaluations (models/store)
  models/NAME/        checkpoints that Stillroom made or imported, each with a stillroom.json (models/library/installed.py)
  adapters/NAME/      what fine-tuning made, each with a stillroom.json
  used/               one empty file a model, as old as its last use
  library.json        what was found out about each folder, so that it is not read again
  logs/               one file a process kind
  backups/            copies of the database
  traces/NAME/        sets of traces (models/traces/store.py)
  runs/ID/            fine-tuning runs: configuration, metrics, checkpoints (models/finetune/checkpoints.py)
  manifests/REPO/     which files a download is made of (models/hub/manifests.py)
  dwq/NAME/           what a learned quantization has learned so far
  hub_token           the Hub's token where there is no keychain, readable by its owner alone
  window.lock         held while the window is open
"""

import os
from pathlib import Path

import platformdirs

from models.errors import BadInput


def home() -> Path:
    """The folder of everything Stillroom keeps, made on first use with mode 0700: chats are private."""
    configured = os.environ.get("STILLROOM_HOME")
    folder = typed(configured) if configured else Path(platformdirs.user_data_dir("Stillroom", appauthor=False))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"Stillroom can't keep anything in {folder}: {error.strerror}.",
            "Set STILLROOM_HOME to a folder you may write to.",
        ) from error
    return folder.resolve()


def models_folder() -> Path:
    """The folder that holds one sub-folder per model."""
    return _made(home() / "models")


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


def manifests_folder() -> Path:
    """The folder that holds one sub-folder per repository that is being downloaded."""
    return _made(home() / "manifests")


def learned_folder() -> Path:
    """The folder of quantizations that are being learned, one sub-folder each; perhaps not there."""
    return home() / "dwq"


def hub_token_file() -> Path:
    """The Hub's token, where the system has no keychain."""
    return home() / "hub_token"


def window_lock() -> Path:
    """The file that an open window holds."""
    return home() / "window.lock"


def database_file() -> Path:
    """The SQLite file of chats, runs and evaluations."""
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
    """A path of the environment with its variables and ~ replaced."""
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


def resources() -> Path:
    """The folder of catalog, icons, help pages and other data that come with Stillroom."""
    here = Path(__file__).resolve().parent
    in_wheel = here / "resources"  # where setup.py puts it; in a clone it stands beside the packages
    return in_wheel if in_wheel.is_dir() else here.parent / "resources"


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
