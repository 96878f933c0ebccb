"""What the kept KV cache saves: time to the first token in a growing chat, against the same with the cache emptied."""

import statistics

from models.events import Reply
from models.generate.load import LoadedModel
from models.generate.reply import reply
from models.requests import Message
from tests.benchmarks import starter
from tests.benchmarks.figures import Figure
from tests.returned import result_of

TURNS = (2, 5, 10)
REPEATS = 3
SENTENCES = 3  # of a message, about 75 tokens
ANSWER = 24  # tokens


def measure() -> list[Figure]:
    """Times at the turns and how many times longer it takes without reuse."""
    loaded = starter.load_starter()
    _first_token(loaded, [starter.user(starter.STORY)])  # once for the first use of everything
    figures: list[Figure] = []
    turns: list[Message] = []
    for number in range(1, max(TURNS) + 1):
        turns.append(starter.user(starter.long_text(SENTENCES, first=SENTENCES * number)))
        if number in TURNS:
            figures += _at_turn(loaded, turns, number)
        record = result_of(reply(loaded, starter.chat(turns, max_tokens=ANSWER)))
        turns.append(Message(role="assistant", content=record.answer))
    return figures


def _at_turn(loaded: LoadedModel, turns: list[Message], number: int) -> list[Figure]:
    reused = [_first_token(loaded, turns) for _ in range(REPEATS)]
    fresh = []
    for _ in range(REPEATS):
        loaded.cache.clear()
        fresh.append(_first_token(loaded, turns))
    with_reuse = statistics.median(record.ttft_s for record in reused)
    without = statistics.median(record.ttft_s for record in fresh)
    prompt, cached = reused[0].prompt_tokens, reused[0].cached_tokens
    return [
        Figure(f"turn {number}, {prompt - cached} new of {prompt} tokens", with_reuse, "s"),
        Figure(f"turn {number}, cache emptied", without, "s"),
        Figure(f"turn {number}, times quicker", without / with_reuse, ""),
    ]


def _first_token(loaded: LoadedModel, turns: list[Message]) -> Reply:
    """Run up to the first token; a cache that was in use is left as it was found."""
    record = result_of(reply(loaded, starter.chat(turns, max_tokens=1)))
    loaded.cache.take_back(len(loaded.cache.tokens) - record.cached_tokens)
    return record
