"""Memory as models/library/fit.py foretells it, against what a run of the starter really takes on this machine.

`python -m tests.benchmarks.fit FOLDER TOKENS` is one such run, in a process of its own: peaks never go down.
"""

import resource
import sys
from pathlib import Path

import msgspec

from models.library import catalog, fit, installed, starter
from models.machine import blas
from tests.benchmarks import children
from tests.benchmarks.figures import Figure, at_most
from tests.returned import result_of

CONTEXTS = (256, 1024, 2048, 4096)  # tokens
MOST_OFF = 15.0  # percent
REPLY = 4  # tokens


class Peaks(msgspec.Struct):
    """Most bytes held. load, run: by MLX, while the model was loaded and after; process: resident, of the whole."""

    load: int
    run: int
    process: int


def measure() -> list[Figure]:
    """Foretold and measured megabytes for several lengths of prompt, and how far apart they are."""
    return [figure for tokens in CONTEXTS for figure in _compared(tokens, peaks_of(starter.folder(), tokens))]


def peaks_of(folder: Path, tokens: int) -> Peaks:
    """Load a checkpoint, read a prompt of so many tokens and answer a few, in a child."""
    answered = children.run("tests.benchmarks.fit", str(folder), str(tokens), variables=blas.preload())
    return msgspec.convert(answered, Peaks)


def foretold(tokens: int) -> Peaks:
    """What models/library/fit.py says of the starter here."""
    entry = catalog.find(installed.STARTER)
    assert entry is not None, "the starter is in the catalog"
    stored = entry.original_bytes
    return Peaks(
        load=fit.load_peak_here(entry.shape, entry.own_recipe, stored),
        run=fit.mlx_peak_here(entry.shape, tokens),
        process=fit.needed_bytes(entry.shape, entry.own_recipe, tokens, as_run_here=True, stored_bytes=stored),
    )


def off(expected: int, measured: int) -> float:
    """By how many percent of the measured bytes the expected ones differ."""
    return abs(expected - measured) / measured * 100


def _compared(tokens: int, measured: Peaks) -> list[Figure]:
    expected = foretold(tokens)
    named = f"{tokens:,} tokens"
    return [
        Figure(f"{named}: MLX while running, foretold", expected.run / 1e6, "MB"),
        Figure(f"{named}: MLX while running, measured", measured.run / 1e6, "MB"),
        Figure(f"{named}: the process, foretold", expected.process / 1e6, "MB"),
        Figure(f"{named}: the process, measured", measured.process / 1e6, "MB"),
        at_most(f"{named}: the process, apart", off(expected.process, measured.process), "%", MOST_OFF),
    ]


def _run(folder: Path, tokens: int) -> Peaks:
    import mlx.core as mx
    from mlx_lm.generate import generate_step

    from models.generate.load import load
    from models.generate.reply import prefill
    from models.generate.thinking import Steering

    loaded = result_of(load("starter", folder))
    peak = mx.get_peak_memory()
    mx.reset_peak_memory()
    prompt = [number % 200 for number in range(tokens)]  # ids that every vocabulary has
    for _ in prefill(loaded, prompt[:-1], Steering()):
        pass
    for _ in generate_step(mx.array(prompt[-1:]), loaded.model, max_tokens=REPLY, prompt_cache=loaded.cache.layers):
        pass
    return Peaks(load=peak, run=mx.get_peak_memory(), process=_most_resident())


def _most_resident() -> int:
    # getrusage's figure begins, on Linux, with that of the process which forked this one.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    children.answer_and_end(_run(Path(sys.argv[1]), int(sys.argv[2])))
