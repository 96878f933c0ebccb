"""What a face may ask of the model in memory: one struct a request. What has a process of its own is in models/jobs."""

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant"]
Action = Literal["answer_now", "think_longer"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Role
    content: str
    thinking: str = ""  # what an assistant thought before it answered, kept apart


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are drawn. None means what the model's family advises; temperature 0 is greedy."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True, tag="load"):
    """Bring a model into memory. Ends with Loaded."""

    model: str  # a name of the library or a folder
    adapter: str | None = None


class Unload(msgspec.Struct, frozen=True, kw_only=True, tag="unload"):
    """Free the model that is loaded. Ends with an empty Done."""


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, tag="chat"):
    """Answer the last message; loads the model first when it is not in memory. Ends with Reply."""

    model: str
    messages: list[Message]
    think: int | None = 2048  # budget of thinking tokens, 0 for off, None for no limit
    think_min: int = 0  # the least to think
    max_tokens: int | None = None  # of thinking and answer together, None for what the context has room for
    sampling: Sampling = Sampling()
    # how many replies are drawn side by side, the one most of them agree on is given; each has the budget to itself
    votes: int = 1
    calm: bool = False  # while it thinks, the words by which it begins to hesitate are made less likely
    another: bool = False  # there is a reply already: a model that would say the same again is drawn from more freely
    adapter: str | None = None
