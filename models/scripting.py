"""What a script does with a model in its own process: load it, let it reply, and run what takes long to its end."""

import warnings
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from models.events import Event, Reply
from models.requests import ChatRequest, Message, Sampling
from models.waiting import run as run

if TYPE_CHECKING:
    from models.generate.load import LoadedModel

AS_ADVISED = Sampling()


def load(name: str, adapter: str | None = None) -> "LoadedModel":
    """Bring a model into memory: a name of the library, a repository that was pulled, or the path of a folder.

    adapter: likewise; one of another model warns. Raises NotFound, Corrupt, Unsupported, Unsafe, NoMemory, and BadInput for another model's adapter.
    """
    from models.generate import load as loading
    from models.library import bases, installed

    folder = run(installed.prepare(name))
    attached = installed.find_adapter(adapter) if adapter else None
    loaded = run(loading.load(installed.title(name), folder, str(attached) if attached else None))
    if attached and (said := bases.mismatch(attached, folder, loaded.name)):
        warnings.warn(said, stacklevel=2)
    return loaded


def reply(
    model: "LoadedModel",
    prompt: str | Sequence[Message],
    *,
    think: int | None = 2048,
    max_tokens: int | None = None,
    votes: int = 1,
    sampling: Sampling = AS_ADVISED,
) -> Generator[Event, None, Reply]:
    """Answer a question or a conversation; yields Token among other events, returns the Reply.

    think: budget of thinking tokens, 0 for none, None for no limit; max_tokens: of thinking and answer together; votes:
    replies drawn side by side, of which the one most of them agree on is given. Closing the generator stops it.
    """
    messages = [Message(role="user", content=prompt)] if isinstance(prompt, str) else list(prompt)
    request = ChatRequest(
        model=model.name, messages=messages, think=think, max_tokens=max_tokens, votes=votes, sampling=sampling
    )
    if votes > 1:
        from models.generate.votes import vote as answering
    else:
        from models.generate.reply import reply as answering
    return (yield from answering(model, request))


def answer(model: "LoadedModel", prompt: str | Sequence[Message], *, think: int | None = 2048, votes: int = 1) -> str:
    """Answer as `reply` does; returns the answer alone."""
    return run(reply(model, prompt, think=think, votes=votes)).answer
