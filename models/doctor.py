"""What is wrong on this machine and how to mend it: each check yields findings, none changes anything.

A finding is `ok`, `warn` (it works, but not as well as it could, or not all of it) or `bad` (something that
Stillroom is for will fail).
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from models import events, paths, quantities, settings
from models.errors import StillroomError, from_os_error
from models.hub import endpoint
from models.machine import backend, hardware

State = Literal["ok", "warn", "bad"]

# The smallest distilled model in 4-bit takes about 1 GB; its download and conversion twice that for a while.
LITTLE_DISK = 5_000_000_000
NO_DISK = 500_000_000
LITTLE_MEMORY = 4 * hardware.GIB

# Of packaging/linux_libraries.sh: these bring the others along.
GET_QT = (
    "run `make setup` again, or `sudo apt install libegl1 libgl1 libfontconfig1 libdbus-1-3 libxcb-cursor0"
    " libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xinerama0`"
)
GET_BLAS = "`sudo apt install libopenblas0-pthread`, or run `make setup` again, or `pip install mkl`"


class Finding(events.Event, frozen=True, tag="finding"):
    """What a check found."""

    name: str  # what was looked at
    state: State
    text: str  # one sentence
    hint: str = ""  # how to mend it, or empty


def check() -> Iterator[Finding]:
    """Look at everything, in the order a person would; takes about half a second, or 3 s without a network."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_backend_or_fault)
        for name, look in LOCAL.items():
            yield from safely(name, look)
        yield from engine(asked)
        yield from the_hub()
        yield from display(asked)


def machine() -> Iterator[Finding]:
    """The chip and its memory."""
    here = hardware.machine()
    yield Finding(name="Machine", state="ok", text=f"{here.chip}, {here.cores} cores, {here.platform}.")
    text = f"{quantities.memory(here.memory_bytes)}, {quantities.memory(hardware.available_bytes())} available now."
    little = here.memory_bytes < LITTLE_MEMORY
    hint = "Only the smallest models fit." if little else ""
    yield Finding(name="Memory", state="warn" if little else "ok", text=text, hint=hint)


def folders() -> Iterator[Finding]:
    """Where things are kept, and whether they can be."""
    try:
        home = paths.home()
        with tempfile.TemporaryFile(dir=paths.models_folder()):
            pass
    except OSError as error:
        fault = from_os_error(error, "writing to Stillroom's folder", writing=True)
        hint = "Set STILLROOM_HOME to a folder you may write to."
        yield Finding(name="Folder", state="bad", text=fault.text, hint=hint)
        return
    yield Finding(name="Folder", state="ok", text=f"{home}")


def disk() -> Iterator[Finding]:
    """Room for models."""
    free = hardware.free_disk(paths.home())
    state: State = "bad" if free < NO_DISK else "warn" if free < LITTLE_DISK else "ok"
    hint = "" if state == "ok" else "Free some space: a model of 7B weights takes about 4.5 GB."
    yield Finding(name="Disk", state=state, text=f"{quantities.size(free)} free.", hint=hint)


def settings_file() -> Iterator[Finding]:
    """Whether settings.toml can be read."""
    settings.read()
    text = "Fine." if paths.settings_file().exists() else "None yet: defaults."
    yield Finding(name="Settings", state="ok", text=text)


def database() -> Iterator[Finding]:
    """Whether the chats are whole."""
    from models.store import database as store
    from models.store.chats import Chats

    if not paths.database_file().exists():
        yield Finding(name="Chats", state="ok", text="None yet.")
        return
    with contextlib.closing(store.open_database(readonly=True)) as connection:
        store.refuse_newer(connection, paths.database_file())
        damaged = Chats(connection).damaged()
        stale = bool(store.lacking(connection)) or store.has_stale_index(connection)
    if damaged:
        text = f"{damaged} {'row' if damaged == 1 else 'rows'} of the chats can't be read whole; the rest works."
        yield Finding(name="Chats", state="warn", text=text, hint=f"Backups are in {paths.backups_folder()}.")
    if stale:
        text = "What helps to find chats quickly is damaged; nothing of the chats is lost by that."
        yield Finding(name="Chats", state="warn", text=text, hint="The window builds it anew when it opens.")
    if damaged or stale:
        return
    yield Finding(name="Chats", state="ok", text=f"The database is whole, {_size_of(paths.database_file())}.")


def starter() -> Iterator[Finding]:
    """Whether the starter model came with the installation."""
    from models.library import starter as model

    file = model.source()
    yield Finding(name="Starter model", state="ok", text=f"{file.name}, {_size_of(file)}.")


def engine(asked: "Future[backend.Backend | StillroomError]") -> Iterator[Finding]:
    """MLX, the memory its GPU may hold, and on Linux what it computes with."""
    found = asked.result()
    if isinstance(found, StillroomError):
        hint = found.hint or "Run `make setup` again."
        yield Finding(name="MLX", state="bad", text=found.text, hint=hint)
        return
    yield Finding(name="MLX", state="ok", text=f"{found.mlx} on {found.kind} ({found.device}).")
    limit = found.gpu_limit_bytes or hardware.machine().gpu_limit_bytes
    owner = "the GPU may hold" if found.kind == "Metal" else "models may take"
    yield Finding(name="Model memory", state="ok", text=f"{quantities.memory(limit)} is what {owner}.")
    if sys.platform == "linux":
        yield _blas(found)
        yield _compiler()


def the_hub() -> Iterator[Finding]:
    """Whether models could be fetched."""
    if endpoint.kept_offline():
        yield Finding(name="Hub", state="ok", text="Not asked: HF_HUB_OFFLINE is set.")
    elif wrong := endpoint.wrong_address():
        yield Finding(name="Hub", state="warn", text=wrong.text, hint=wrong.hint)
    elif fault := endpoint.why_unreachable():
        by_choice = "" if endpoint.is_own() else " (HF_ENDPOINT)"
        text = f"{endpoint.page()}{by_choice} can't be reached: {fault}."
        yield Finding(name="Hub", state="warn", text=text, hint="Models on this disk work without it.")
    else:
        yield Finding(name="Hub", state="ok", text=f"{endpoint.page()} answers.")


def display(asked: "Future[backend.Backend | StillroomError]") -> Iterator[Finding]:
    """Whether the window can open."""
    why = hardware.why_no_display()
    found = asked.result()
    fault = "" if isinstance(found, StillroomError) else found.window_fault
    if why:
        text = f"No window can open: {why}."
        yield Finding(
            name="Display", state="warn", text=text, hint="`stillroom` opens its chat in the terminal instead."
        )
    elif fault and not os.environ.get("QT_QPA_PLATFORM"):
        yield Finding(name="Display", state="bad", text=f"Qt can't open windows: {fault}.", hint=GET_QT)
    else:
        yield Finding(name="Display", state="ok", text="Windows can open.")


def safely(name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run a check; a StillroomError or OSError in it is what it found, under that name."""
    try:
        yield from look()
    except (StillroomError, OSError) as error:
        fault = from_os_error(error, "looking") if isinstance(error, OSError) else error
        yield Finding(name=name, state="bad", text=fault.text, hint=fault.hint)


# What is looked at while MLX starts, in the order of a person's questions.
LOCAL: dict[str, Callable[[], Iterator[Finding]]] = {
    "Machine": machine,
    "Folder": folders,
    "Disk": disk,
    "Settings": settings_file,
    "Chats": database,
    "Starter model": starter,
}


def _backend_or_fault() -> backend.Backend | StillroomError:
    try:
        return backend.probe()
    except StillroomError as error:
        return error


def _blas(found: backend.Backend) -> Finding:
    if found.blas:
        return Finding(name="BLAS", state="ok", text=f"{Path(found.blas).name}.")
    text = "MLX computes with its own slow BLAS: about ten times slower than with OpenBLAS."
    hint = "Unset STILLROOM_BLAS." if os.environ.get("STILLROOM_BLAS") == "none" else GET_BLAS
    return Finding(name="BLAS", state="warn", text=text, hint=hint)


def _compiler() -> Finding:
    if found := shutil.which("g++"):
        return Finding(name="Compiler", state="ok", text=f"{found}.")
    text = "g++ is missing: MLX can't join its steps into compiled ones and runs them one by one."
    return Finding(name="Compiler", state="warn", text=text, hint="`sudo apt install g++` brings it.")


def _size_of(file: Path) -> str:
    return quantities.size(file.stat().st_size)
