"""Takes a model into the library, and measures what it cost where a GGUF file's blocks had to be quantized on the way."""

from collections.abc import Generator
from pathlib import Path

from models.events import Event, Model
from models.library import installed


def import_model(
    path: str | Path, name: str | None = None, *, keep_precision: bool = False, card: bool = True
) -> Generator[Event, None, Model]:
    """As installed.import_model; then measure the quant card, against the exact weights of the file.

    card: only where blocks were quantized, and not at all when False. Without room for the exact weights, beside the
    model and for this alone, a Note says so. Raises what installed.import_model raises.
    """
    model = yield from installed.import_model(path, name, keep_precision=keep_precision)
    if not (card and model.requantized):
        return model
    from models.quant.quantize import measure_made

    yield from measure_made(model.name)
    return installed.show(model.name)
