"""How far one model's next-token distribution is from another's on the same text: KL divergence, top token, perplexity.

Exact over the whole vocabulary, in float32, a few rows of logits at a time. Only a worker imports this.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass

import mlx.core as mx

from models import errors
from models.events import Progress
from models.quant.layerwise import Hidden

ROWS = 64  # positions whose logits are in memory together: 39 MB of float32 a model at a vocabulary of 152,000


@dataclass(frozen=True)
class Divergence:
    """What a comparison found; all but the perplexity is None when there was nothing to compare with."""

    perplexity: float
    kl: float | None = None  # KL(original || this), mean per token in nats
    same_top: float | None = None  # share of positions with the same likeliest token
    reference_perplexity: float | None = None


def measure(
    ids: list[int], this: Hidden, reference: Hidden | None, stage: str
) -> Generator[Progress, None, Divergence]:
    """Compare two models on a text of at least two tokens, the first of the texts that each was run on.

    KL and top token are taken over all L positions, perplexities over the L - 1 whose next token is in the text.
    Progress is by token. Raises Corrupt when one of the models gives no numbers.
    """
    n_tokens = len(ids)
    surprise = reference_surprise = kl = 0.0
    same = 0
    for start in range(0, n_tokens, ROWS):
        stop = min(start + ROWS, n_tokens)
        following = mx.array(ids[start + 1 : stop + 1])  # (rows,), one fewer at the text's end
        logprobs = _logprobs(this, start, stop)  # (rows, V)
        surprise += _surprise(logprobs, following)
        if reference is not None:
            wanted = _logprobs(reference, start, stop)  # (rows, V')
            reference_surprise += _surprise(wanted, following)
            # Some checkpoints of one family pad their vocabulary further than others.
            width = min(logprobs.shape[1], wanted.shape[1])
            logprobs, wanted = logprobs[:, :width], wanted[:, :width]
            # sum over p log(p / q)
            kl += value_of(mx.sum(mx.exp(wanted) * (wanted - logprobs)))
            same += round(value_of(mx.sum(mx.argmax(wanted, axis=-1) == mx.argmax(logprobs, axis=-1))))
        mx.clear_cache()
        yield Progress(stage=stage, done=stop, total=n_tokens, unit="tokens")
    if not math.isfinite(surprise + reference_surprise + kl):
        raise errors.Corrupt("The model's odds are no numbers.", "It is damaged: make or download it again.")
    perplexity = _perplexity(surprise, n_tokens)
    if reference is None:
        return Divergence(perplexity)
    return Divergence(
        perplexity=perplexity,
        kl=max(0.0, kl / n_tokens),  # for equal models rounding may give slightly less than 0
        same_top=same / n_tokens,
        reference_perplexity=_perplexity(reference_surprise, n_tokens),
    )


def _logprobs(hidden: Hidden, start: int, stop: int) -> mx.array:
    logits = hidden.logits(0, start, stop)
    logprobs: mx.array = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    return logprobs


def _surprise(logprobs: mx.array, following: mx.array) -> float:
    """Sum of -log p of the tokens that followed."""
    n = following.shape[0]
    return -value_of(mx.sum(mx.take_along_axis(logprobs[:n], following[:, None], axis=-1))) if n else 0.0


def _perplexity(surprise: float, n_tokens: int) -> float:
    return math.exp(min(700.0, surprise / (n_tokens - 1)))  # e^710 is no float any more


def value_of(scalar: mx.array) -> float:
    """The value of an array of one number."""
    return float(scalar.item())  # type: ignore[arg-type]  # typed as if it could be complex
