"""The KV cache of the current conversation: what the model has read before is not read again.

One slot, trimmed in place: a second copy of a long chat's cache would cost gigabytes. `tokens` always says exactly what
the cache holds. A layer's keys and values are (1, kv_heads, L, head_dim), grown in steps of 256 tokens.
"""

from typing import Any

import mlx.nn as nn
from mlx_lm.models.cache import can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache


class ConversationCache:
    """A KV cache and the tokens in it."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        # mlx-lm's cache objects, one a layer; of which kind is the architecture's own choice
        self.layers: list[Any] = make_prompt_cache(self._model)
        self.tokens: list[int] = []  # the L tokens whose keys and values the layers hold

    def reuse(self, prompt: list[int]) -> int:
        """Keep the longest common prefix with `prompt`, short of its last token; return its length in tokens.

        The last token has to be run again, since its logits are what a reply starts from.
        """
        shared = _common_prefix(self.tokens, prompt[:-1])  # causal: keys and values depend on what came before alone
        self.take_back(len(self.tokens) - shared)
        return len(self.tokens)

    def take_back(self, count: int) -> None:
        """Drop the last `count` tokens. A cache that can't be trimmed is emptied, and has to be filled again."""
        if count <= 0:
            return
        # a rotating window or a recurrent state has overwritten what came before: it can't be trimmed
        if can_trim_prompt_cache(self.layers) and trim_prompt_cache(self.layers, count) == count:
            del self.tokens[-count:]
        else:
            self.clear()

    def settle(self) -> None:
        """Trim the layers to `tokens`: a stopped generator may have run a step ahead."""
        # all layers are at the same offset; recurrent ones have none
        offset = getattr(self.layers[0], "offset", len(self.tokens)) if self.layers else 0
        ahead = int(offset) - len(self.tokens)  # generate_step computes one token ahead of what it yields
        if ahead > 0 and not (can_trim_prompt_cache(self.layers) and trim_prompt_cache(self.layers, ahead) == ahead):
            self.clear()

    @property
    def bytes_per_token(self) -> int:
        """Bytes of a token in all layers together, measured on the tokens held; 0 when there are none."""
        return sum(map(_used_bytes, self.layers)) // len(self.tokens) if self.tokens else 0


def _used_bytes(layer: Any) -> int:
    """Bytes of a layer's cache that hold tokens; its buffer may have grown for a longer chat before."""
    # nbytes counts the buffer, which is up to 255 tokens longer than L, and longer still after a trim
    if hasattr(layer, "keys_and_values"):
        return sum(int(array.nbytes) for array in layer.keys_and_values())
    return int(layer.nbytes)


def _common_prefix(left: list[int], right: list[int]) -> int:
    length = min(len(left), len(right))
    if left[:length] == right[:length]:  # compared in C: the usual case of a chat that goes on
        return length
    return next(index for index in range(length) if left[index] != right[index])
