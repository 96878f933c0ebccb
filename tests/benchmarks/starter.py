"""The starter model for benchmarks that run it in their own process, and what they ask it."""

from collections.abc import Sequence

from models.generate.load import LoadedModel, load
from models.library import installed, starter
from models.requests import ChatRequest, Message, Sampling
from tests.returned import result_of

GREEDY = Sampling(temperature=0.0)
STORY = "Tell me a long story about a lighthouse keeper, a storm and a ship that comes back after many years."
NOTES = (
    "The keeper wrote in the book that the wind had turned to the north in the night and that the glass was falling.",
    "Two boats went out before dawn to lift the pots near the reef, and only the smaller one carried a lamp.",
    "By noon the water in the harbour stood a hand higher than the mark that was cut in the stone last winter.",
    "Nobody on the quay could say where the grey ship came from, for her name had been painted over twice.",
    "He trimmed the wick, counted the oil that was left in the tank, and wound the clock of the lantern by hand.",
)


def load_starter() -> LoadedModel:
    """Bring the starter model into memory; it has been made already."""
    return result_of(load(starter.TITLE, starter.folder()))


def chat(messages: Sequence[Message] | str, **options: object) -> ChatRequest:
    """A greedy request without thinking, unless the options say otherwise."""
    turns = [user(messages)] if isinstance(messages, str) else list(messages)
    return ChatRequest(**{"model": installed.STARTER, "messages": turns, "think": 0, "sampling": GREEDY, **options})  # type: ignore[arg-type]


def user(text: str) -> Message:
    """A turn of the user's."""
    return Message(role="user", content=text)


def long_text(sentences: int, first: int = 0) -> str:
    """So many sentences of about 24 tokens; no two that start with another number are alike."""
    return " ".join(f"Day {n}. {NOTES[n % len(NOTES)]}" for n in range(first, first + sentences))
