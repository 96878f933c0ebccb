"""The quant card: what a quantization cost, measured on this machine on a fixed text of our own.

Both models read resources/card_text.md, which nothing was ever trained on here, each token given the true ones before
it. KL(original || this) = sum over the vocabulary of p log(p / q), the mean over all positions, in nats. The original
is read layer by layer, so it may be larger than the memory; the quantized model is loaded as chat loads it, and has to
fit. Only a worker imports this.
"""

import os
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import mlx.core as mx
import msgspec
from mlx_lm.generate import generate_step

from models import errors, paths, quantities, waiting
from models.checkpoint import folders, inspection
from models.events import Event, Note, Progress, QuantCard
from models.generate import load
from models.gguf import read as gguf
from models.hub import cache
from models.library import installed
from models.machine import hardware
from models.quant import divergence, layerwise

TEXT = "card_text.md"
PROMPT = 64  # tokens read before decoding is timed
BLOCK = 8  # tokens decoded between two looks at the clock, and at whether to go on
BLOCKS = 4  # timed ones; one more goes first, to warm up

# From this share of the original's likeliest tokens on, a reader hardly notices the rest.
SAME_ENOUGH = 0.95
# Mean nats from which a model samples noticeably other words, however often its likeliest ones agree.
KL_NOTICED = 0.1
_ONE_IN = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def measure(name: str, reference: str | None = None) -> Generator[Event, None, QuantCard]:
    """Measure a model's quant card and keep it in its record. reference: its original, found by the record when None.

    Without an original a Note says why, and the card has only the model's own figures. Closing the generator leaves
    nothing behind. Raises NotFound, Corrupt, Unsupported, Unsafe, NoMemory, and BadInput for a reference that splits
    the text into other tokens.
    """
    folder = yield from installed.prepare(name)
    title = installed.title(name)
    inspection.inspect(folder)
    load.check_memory(title, load.weights_on_disk(folder), load.read_config(folder))
    with ExitStack() as places:
        original_name, original = yield from _reference(title, folder, reference, places)
        ids = _text_ids(folder, original)
        theirs = None
        if original is not None:
            theirs = yield from layerwise.read(original, [ids], "reference")
    model = waiting.run(load.load(title, folder)).model  # its progress is not the card's
    this = yield from layerwise.run(model, [ids], "card")
    found = yield from divergence.measure(ids, this, theirs, "card")
    del theirs, this  # their memory is not this model's
    mx.clear_cache()
    tokens_per_s, peak_bytes = yield from _decode(model, ids[:PROMPT])
    machine, facts, record = hardware.machine(), inspection.inspect(folder), folders.read_record(folder)
    card = QuantCard(
        model=name,
        reference=original_name,
        recipe=record.recipe if record else "",
        bits=facts.bits,
        size_bytes=facts.size_bytes,
        kl=found.kl,
        same_top=found.same_top,
        perplexity=found.perplexity,
        reference_perplexity=found.reference_perplexity,
        tokens_per_s=tokens_per_s,
        peak_bytes=peak_bytes,
        text_tokens=len(ids),
        machine=f"{machine.chip}, {quantities.memory(machine.memory_bytes)}",
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        warning=warning(found.same_top, found.kl),
        on_problems=record.card.on_problems if record and record.card else None,
    )
    if record is not None:
        folders.write_record(folder, msgspec.structs.replace(record, card=card))
    return card


def original_of(folder: Path) -> Path | None:
    """The folder of what a model was quantized from, found by its record; None when it is not on this disk."""
    record = folders.read_record(folder)
    if record is None:
        return None
    for name in filter(None, (record.original, record.repo)):
        found = _found(name, record.revision if name == record.repo else "")
        if found is not None and found != folder:
            return found
    return None


def warning(same_top: float | None, kl: float | None) -> str:
    """A sentence on how much a recipe hurts; "" when it hardly does. same_top: 0 to 1; kl: nats."""
    if same_top is None or kl is None:
        return ""
    if same_top < 0.4:
        return "Most words differ from the original's."
    if same_top < SAME_ENOUGH:
        one_in = max(2, round(1 / (1 - same_top)))
        return f"One word in {_ONE_IN.get(one_in, str(one_in))} differs from the original's."
    if kl > KL_NOTICED:
        return "Its likeliest words are the original's, but it weighs the others differently."
    return ""


def _reference(
    title: str, folder: Path, asked: str | None, places: ExitStack
) -> Generator[Event, None, tuple[str, Path | None]]:
    """The original's name and folder; the folder is None when it is not here, which a Note then says.

    places: holds a folder that is made for this alone, the exact weights of the GGUF file that a model was taken from.
    """
    if asked is not None:
        if (cached := _cached(asked)) is not None:
            return asked, cached
        return asked, (yield from installed.prepare(asked))
    record = folders.read_record(folder)
    if record is not None and record.requantized:
        if (file := _unchanged(record)) is None:
            gone = f"the file that it was taken from, {paths.recorded(record.source)}, is no longer there as it was"
            yield Note(text=f"{title} was measured by itself: {gone}.")
            return "", None
        parent = places.enter_context(
            tempfile.TemporaryDirectory(prefix=f".draft-{os.getpid()}-", dir=paths.models_folder())
        )
        yield from gguf.convert(file, Path(parent) / folder.name, keep_precision=True)
        return file.name, Path(parent) / folder.name
    name = (record.original or record.repo) if record else ""
    if (found := original_of(folder)) is not None:
        return name or str(found), found
    at = f" at {record.revision[:12]}" if record and record.revision else ""
    why = (
        f"its original, {paths.readable(name)}{at}, is not on this disk"
        if name
        else "it is not known what it was made from"
    )
    yield Note(text=f"{title} was measured by itself: {why}.")
    return name, None


def _unchanged(record: folders.ModelRecord) -> Path | None:
    """The file that a model was taken from, when it is still there as it was."""
    with suppress(OSError):
        source = paths.recorded(record.source)
        if installed.file_stamp(source) == record.made_from:
            return source
    return None


def _found(name: str, revision: str) -> Path | None:
    if (cached := _cached(name, revision)) is not None:
        return cached
    with suppress(errors.StillroomError):
        found = installed.find(name)
        if (found / "config.json").is_file() and not (revision and found.is_relative_to(paths.hub_cache())):
            return found
    return None


def _cached(repo: str, revision: str = "") -> Path | None:
    """A repository of the standard Hugging Face cache, when it is whole: at that commit, or at the one it has."""
    with suppress(errors.StillroomError):
        if revision:
            return None if cache.missing(repo, revision) else cache.snapshot(repo, revision)
        found = cache.find(repo)
        return found.snapshot if found is not None and found.complete else None
    return None


def _text_ids(folder: Path, original: Path | None) -> list[int]:
    """The fixed text in the model's tokens, begun as its tokenizer begins a text, cut to what both contexts hold."""
    ids = _encoded(folder)
    if original is None:
        return ids
    theirs = _encoded(original)
    both = min(len(ids), len(theirs))
    if ids[:both] != theirs[:both]:
        text = f"{original.name} splits a text into other tokens: the two can't be compared."
        raise errors.BadInput(text, "Compare with the model it was quantized from.")
    return ids[:both]


def _encoded(folder: Path) -> list[int]:
    config = load.read_config(folder)
    ids: list[int] = load.load_tokenizer(folder, config).encode((paths.resources() / TEXT).read_text("utf-8"))
    return ids[: load.context_limit(config)]


def _decode(model: Any, prompt: list[int]) -> Generator[Progress, None, tuple[float, int]]:
    """Decode greedily; tokens/s (the median over blocks) and MLX's peak memory meanwhile, in bytes."""
    mx.reset_peak_memory()
    tokens = generate_step(mx.array(prompt), model, max_tokens=BLOCK * (BLOCKS + 1))
    seconds = []
    for block in range(BLOCKS + 1):
        begun = time.perf_counter()
        for _ in range(BLOCK):
            next(tokens)
        seconds.append(time.perf_counter() - begun)
        yield Progress(stage="card", done=block * BLOCK, total=BLOCKS * BLOCK, unit="tokens")
    return BLOCK / median(seconds[1:]), int(mx.get_peak_memory())
