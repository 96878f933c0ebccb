"""A model that says what a test wants: real tokens, a real KV cache, logits from a script instead of weights."""

from pathlib import Path

import mlx.core as mx
import mlx.nn as nn

from models.generate.load import LoadedModel, load
from tests.returned import result_of
from tests.tiny import Thinking, make_tiny


class Scripted(nn.Module):
    """Continues the text after the last of `cues` that occurs in the context with that cue's line, then ends.

    The whole context is kept per cache, cut where the cache is cut, so that reuse and taking back are real.
    """

    def __init__(self, tokenizer: object, script: dict[str, str]) -> None:
        super().__init__()
        self.layers = [nn.Identity()]
        self._tokenizer = tokenizer
        self._script = script
        self._seen: list[int] = []
        self.runs: list[int] = []  # tokens of each call

    def __call__(self, inputs: mx.array, cache: list) -> mx.array:
        layer = cache[0]
        ids = inputs[0].tolist()
        self._seen = self._seen[: layer.offset] + ids
        self.runs.append(len(ids))
        filler = mx.zeros((1, 1, len(ids), 1))
        layer.update_and_fetch(filler, filler)
        return mx.where(mx.arange(len(self._tokenizer)) == self._next(), 20.0, 0.0)[None, None]

    def _next(self) -> int:
        context = self._tokenizer.decode(self._seen)
        cues = [cue for cue in self._script if cue in context]
        if not cues:  # still in the prompt: nobody looks at these logits
            return self._tokenizer.eos_token_id
        cue = max(cues, key=lambda cue: context.rfind(cue) + len(cue))
        said = context[context.rfind(cue) + len(cue) :]
        line = self._script[cue]
        if not line.startswith(said):  # inside text that is being forced
            return self._tokenizer.eos_token_id
        rest = line[len(said) :]
        ids = self._tokenizer.encode(rest, add_special_tokens=False) if rest else []
        return ids[0] if ids else self._tokenizer.eos_token_id


def tiny_loaded(folder: Path, thinking: Thinking = "none", context: int = 2048) -> LoadedModel:
    """The random tiny model, loaded."""
    return result_of(load("Tiny", make_tiny(folder, thinking=thinking, context=context)))


def scripted(folder: Path, script: dict[str, str], thinking: Thinking = "tokens", context: int = 2048) -> LoadedModel:
    """The tiny checkpoint's tokenizer and template around a scripted model. script: cue -> what it says after it."""
    loaded = tiny_loaded(folder, thinking, context)
    loaded.model = Scripted(loaded.tokenizer, script)
    loaded.cache.__init__(loaded.model)
    return loaded
