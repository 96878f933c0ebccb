"""What systems, syncs and editors leave in any folder: no part of what lies there, so nobody hashes, counts or misses it."""

import re
import unicodedata
from pathlib import Path

from models.names import plain

_FLAGS = re.VERBOSE | re.IGNORECASE | re.DOTALL
_OF_THE_SYSTEM = re.compile(
    r"""
      \._.*                                       # a Mac's attributes, on disks that have none
    | \.ds_store | \.localized | icon\r | __macosx
    | \.(apple(double|db|desktop)|spotlight-v100|trashes?|trash-\d+|fseventsd|temporaryitems|documentrevisions-v100)
    | (eh)?thumbs(_vista)?\.db | desktop\.ini | \$recycle\.bin | system\ volume\ information
    | @eadir | \#recycle | lost\+found | \.directory
    """,
    _FLAGS,
)
_OF_A_PROGRAM = re.compile(
    r"""
      \..*\.icloud                                # stands for a file that is in iCloud alone
    | .*\.sync-conflict-.* | \.?~?syncthing~.* | \.syncthing\..* | \.st(folder|ignore|versions)   # Syncthing
    | .*\(.*conflicted\ copy.*\).* | \.dropbox(\..*)? | .*\.!sync | \.~.* | .*\.sb-[0-9a-f]{8}-\w+ # Dropbox, Resilio, Mac
    | .*_conflict-\d{8}-\d{6}.* | \.(sync|owncloudsync|nextcloudsync).*                          # Nextcloud
    | ~\$.* | \.~lock\..*\# | .*~ | \#.*\# | .*\.sw[op]                                          # editors
    | .*\.(tmp|temp|part|partial|crdownload|download|aria2)                                      # half a file
    | \.nfs[0-9a-f]{8,} | \.fuse_hidden.* | \.smbdelete.*
    """,
    _FLAGS,
)


def is_leftover(name: str) -> bool:
    """Whether a file of that name is one."""
    return _is_the_systems(name) or _OF_A_PROGRAM.fullmatch(name) is not None


def _is_the_systems(name: str) -> bool:
    return _OF_THE_SYSTEM.fullmatch(name) is not None


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without leftovers."""
    return sorted(entry for entry in folder.iterdir() if not is_leftover(entry.name))


def folders(parent: Path) -> list[Path]:
    """The folders that are listed of a folder, by name: links too, even where they lead nowhere, and nothing hidden."""
    # a folder's name may end as that of half a file: it is somebody's own
    named = (entry for entry in parent.iterdir() if not entry.name.startswith(".") and not _is_the_systems(entry.name))
    return sorted(
        (entry for entry in named if entry.is_dir() or entry.is_symlink()), key=lambda entry: entry.name.lower()
    )


def find_folder(parent: Path, name: str) -> Path | None:
    """The folder that is listed under a name, which may be typed as it is shown; None when there is none."""
    place = parent / name
    if not name or name.startswith(".") or "/" in name or "\0" in name or _is_the_systems(name):
        return None
    if place.is_dir() or place.is_symlink():
        return place
    if name.isascii():
        return None
    return next((folder for folder in folders(parent) if _as_typed(folder.name) == _as_typed(name)), None)


def _as_typed(name: str) -> str:
    return unicodedata.normalize("NFC", plain(name))  # a disk may take accents apart
