"""The error tree: what can go wrong in the world, each with one sentence a person can act on.

    StillroomError          kind        exit status
    ├── BadInput            bad_input   2   a wrong argument, an over-long prompt, a budget that is no number
    ├── NotFound            not_found   1   no such model, file, chat
    ├── Corrupt             corrupt     1   a file that is not what it says, or half of one
    ├── Unsupported         unsupported 1   an architecture, tokenizer or format we do not know
    ├── Unsafe              unsafe      1   a checkpoint that asks for what it may not have
    ├── DiskFull            disk_full   1   no space left
    ├── NoMemory            no_memory   1   does not fit in memory
    ├── Offline             offline     1   the Hub can't be reached
    ├── Denied              denied      1   the Hub asks for a token, or for terms to be accepted
    ├── Newer               newer       1   written by a newer Stillroom
    ├── Busy                busy        1   another process holds it
    ├── Interrupted         cancelled   130 the user stopped it; no face shows this one as an error
    └── WorkerDied          worker_died 1   the engine process ended by itself

An exception of any other class is a bug of ours: it travels as kind `bug` with its log.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class StillroomError(Exception):
    """An error of the world. `text` is one sentence, `hint` says what to do about it or is empty."""

    kind = "error"
    exit_status = 1

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


class BadInput(StillroomError):
    """What was asked for makes no sense as it was asked."""

    kind = "bad_input"
    exit_status = 2


class NotFound(StillroomError):
    """What was named is not there."""

    kind = "not_found"


class Corrupt(StillroomError):
    """A file is damaged, cut short, or not what its name says."""

    kind = "corrupt"


class Unsupported(StillroomError):
    """A well-formed thing of a kind that Stillroom does not know."""

    kind = "unsupported"


class Unsafe(StillroomError):
    """A checkpoint asks for what no checkpoint may have, such as running code."""

    kind = "unsafe"


class DiskFull(StillroomError):
    """There is no space left where something had to be written."""

    kind = "disk_full"


class NoMemory(StillroomError):
    """The work does not fit in this machine's memory."""

    kind = "no_memory"


class Offline(StillroomError):
    """The network, or the Hub behind it, can't be reached."""

    kind = "offline"


class Denied(StillroomError):
    """The Hub gives a repository only to who has a token, or has accepted its terms."""

    kind = "denied"


class Newer(StillroomError):
    """A file was written by a newer Stillroom and is left untouched."""

    kind = "newer"


class Busy(StillroomError):
    """Another process is using what only one may use."""

    kind = "busy"


class Interrupted(StillroomError):
    """The user stopped the work. Not an error: faces stay silent."""

    kind = "cancelled"
    exit_status = 130


class WorkerDied(StillroomError):
    """The engine process ended by itself: a signal, or memory ran out."""

    kind = "worker_died"


def from_os_error(error: OSError, doing: str, *, writing: bool = False) -> StillroomError:
    """Say an OSError in a sentence. doing: what was under way, as in "reading the model"; writing: it changes the disk."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"There is no space left on the disk for {doing}{where}.", "Free some space and try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BadInput(
            f"Stillroom may not {'write' if writing else 'read'} there: {doing}{where}.",
            "Check the folder's permissions.",
        )
    if error.errno == errno.ENOENT:
        return NotFound(f"A file is missing: {doing}{where}.")
    return Corrupt(f"The disk reported a fault while {doing}{where}: {error.strerror}.")


@contextmanager
def disk_faults(doing: str, *, writing: bool = False) -> Iterator[None]:
    """Let an OSError of the block rise as from_os_error says it."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing, writing=writing) from error


def from_kind(kind: str, text: str, hint: str = "") -> StillroomError:
    """The error that a kind names, for one that crossed a process; an unknown kind keeps its name."""
    classes = {cls.kind: cls for cls in StillroomError.__subclasses__()}
    error = classes.get(kind, StillroomError)(text, hint)
    error.kind = kind
    return error
