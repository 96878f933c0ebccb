"""A model that says another line in each row of a batch: real tokens, real KV caches, logits from a script.

The ids it has read are what it keeps as keys, so that whatever the batch does to a cache (copy, pad, cut, leave,
join) is done to the text that the model goes on from.
"""

from pathlib import Path

import mlx.core as mx
import mlx.nn as nn

from models.generate.load import LoadedModel
from tests.models.scripted import tiny_loaded
from tests.tiny import Thinking

SURE = 20.0  # logit of the scripted token; all others have 0


class ScriptedRows(nn.Module):
    """Continues the text after the last of `cues` in a row's context with one of that cue's lines, then ends.

    A line that has begun is gone on with; right at a cue, row b of the batch begins the line b.
    """

    def __init__(self, tokenizer: object, script: dict[str, list[str]]) -> None:
        super().__init__()
        self.layers = [nn.Identity()]
        self._tokenizer = tokenizer
        self._script = script
        self.batches: list[int] = []  # rows of each call

    def __call__(self, inputs: mx.array, cache: list) -> mx.array:
        layer = cache[0]
        ids = inputs[:, None, :, None].astype(mx.float32)  # (B, 1, L, 1)
        keys, _ = layer.update_and_fetch(ids, ids)
        padding = layer.left_padding.tolist() if hasattr(layer, "left_padding") else [0]
        self.batches.append(len(padding))
        rows = [
            self._logits([int(token) for token in row[pad:]], index)
            for index, (row, pad) in enumerate(zip(keys[:, 0, :, 0].tolist(), padding, strict=True))
        ]
        return mx.stack(rows)[:, None]  # (B, 1, V)

    def _logits(self, context: list[int], row: int) -> mx.array:
        return mx.where(mx.arange(len(self._tokenizer)) == self._next(self._tokenizer.decode(context), row), SURE, 0.0)

    def _next(self, context: str, row: int) -> int:
        cues = [cue for cue in self._script if cue in context]
        if not cues:  # still in the prompt: nobody looks at these logits
            return self._tokenizer.eos_token_id
        cue = max(cues, key=lambda cue: context.rfind(cue) + len(cue))
        said = context[context.rfind(cue) + len(cue) :]
        lines = self._script[cue]
        line = next((line for line in lines if said and line.startswith(said)), lines[row % len(lines)])
        rest = line[len(said) :] if line.startswith(said) else ""
        return self._tokenizer.encode(rest, add_special_tokens=False)[0] if rest else self._tokenizer.eos_token_id


def scripted_rows(
    folder: Path, script: dict[str, list[str]], thinking: Thinking = "opened", context: int = 2048
) -> LoadedModel:
    """The tiny checkpoint's tokenizer and template around a model that is scripted by row."""
    loaded = tiny_loaded(folder, thinking, context)
    loaded.model = ScriptedRows(loaded.tokenizer, script)
    loaded.cache.__init__(loaded.model)
    return loaded
