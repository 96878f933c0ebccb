"""A checkpoint's tokenizer, held to what its rules may make of a text, and whose failures are said in a sentence."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from models import errors
from models.checkpoint import tokenizer_bounds
from models.quantities import one_line

RUNS = "aA0 .\n中"  # letters of which a long run is tried
SHORT_RUN, LONG_RUN = 2048, 8192
# a real tokenizer takes 2 to 11 ms for the long run and four times as long as for the short one; `.*z|.` 125 and 15 times
SLOW_RUN_S, SQUARE = 0.02, 8
MOST_CHARACTERS = 1 << 24  # that may come of a text; the tokenizers library takes about 40 bytes for each


class BoundedTokenizer:
    """Reads and writes as the tokenizer that it holds, mlx-lm's wrapper or one of the tokenizers library.

    All else is asked of that one. name: the model's. Raises Unsafe for one that multiplies text without measure, or
    whose patterns take time in the square of its length.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._bounded = tokenizer
        parts = _parts(tokenizer)
        self._growth = tokenizer_bounds.growth(parts, name)
        if '"Regex"' in msgspec.json.encode([parts.normalizer, parts.pre_tokenizer]).decode():
            self._check_time(name)

    def _check_time(self, name: str) -> None:
        """Raise Unsafe where a pattern searches the rest of a text at each of its letters: a long one would never end."""
        for letter in RUNS:
            long = self._seconds(letter * LONG_RUN)
            if long > SLOW_RUN_S and long > SQUARE * self._seconds(letter * SHORT_RUN):
                raise errors.Unsafe(
                    f"The tokenizer of {name} takes time in the square of a text's length, which no real one does.",
                    "Do not trust this model's files; download the model from its maker.",
                )

    def _seconds(self, text: str) -> float:
        """Of processor time that a text takes, the shorter of two tries."""
        times = []
        for _ in range(2):
            begun = time.process_time()
            self.encode(text)
            times.append(time.process_time() - begun)
        return min(times)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._bounded, attribute)

    def __len__(self) -> int:
        return len(self._bounded)

    def encode(self, text: str, **options: Any) -> Any:
        """As the tokenizer's own. Raises BadInput for a text that would become too long, Corrupt where it fails."""
        if len(text) * self._growth > MOST_CHARACTERS:
            most = MOST_CHARACTERS // self._growth
            too_long = f"A text of {len(text):,} characters is too long: the model's tokenizer takes {most:,}."
            raise errors.BadInput(too_long, "Shorten the message or start a new chat.")
        with _failures():
            return self._bounded.encode(text, **options)

    def decode(self, *args: Any, **options: Any) -> Any:
        """As the tokenizer's own. Raises Corrupt where it fails."""
        with _failures():
            return self._bounded.decode(*args, **options)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # a pattern of tokenizer.json without end makes the tokenizers library panic, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise errors.Corrupt(f"The model's tokenizer fails on this text: {one_line(error)}.") from error


def _parts(tokenizer: Any) -> tokenizer_bounds.Parts:
    """The rules as they were loaded: of a class of transformers they are not those of the file."""
    inner = getattr(tokenizer, "_tokenizer", tokenizer)
    inner = getattr(inner, "backend_tokenizer", inner)
    names = tokenizer_bounds.Parts.__struct_fields__
    rules = {name: rule for name in names if (rule := getattr(inner, name, None)) is not None}
    return tokenizer_bounds.Parts(**{name: msgspec.json.decode(rule.__getstate__()) for name, rule in rules.items()})
