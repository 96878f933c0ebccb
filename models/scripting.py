"""What a script does with a model in its own process: load it, let it reply, and run what takes long to its end."""

import warnings
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import msgspec

from models.events import Event, Reply
from models.requests import ChatRequest, Message, Sampling
from models.waiting import run as run

if TYPE_CHECKING:
    from models.generate.load import LoadedModel
    from models.generate.pool import PoolEvent

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
    calm: bool = False,
    sampling: Sampling = AS_ADVISED,
) -> Generator[Event, None, Reply]:
    """Answer a question or a conversation; yields Token among other events, returns the Reply.

    think: budget of thinking tokens, 0 for none, None for no limit; max_tokens: of thinking and answer together; votes:
    replies drawn side by side, of which the one most of them agree on is given; calm: it hesitates less often. Closing
    the generator stops it.
    """
    messages = [Message(role="user", content=prompt)] if isinstance(prompt, str) else list(prompt)
    request = ChatRequest(
        model=model.name,
        messages=messages,
        think=think,
        max_tokens=max_tokens,
        votes=votes,
        calm=calm,
        sampling=sampling,
    )
    if votes > 1:
        from models.generate.votes import vote as answering
    else:
        from models.generate.reply import reply as answering
    return (yield from answering(model, request))


def draw(
    model: "LoadedModel",
    prompts: Sequence[str | Sequence[Message]],
    *,
    samples: int = 1,
    think: int | None = 2048,
    max_tokens: int | None = None,
    calm: bool = False,
    sampling: Sampling = AS_ADVISED,
) -> Generator["PoolEvent", None, list[list[Reply]]]:
    """Answer many questions or conversations side by side, as many as memory holds; returns each one's replies.

    samples: replies to each, with seeds of their own; otherwise as reply. Raises the error of the first that can't be
    answered.
    """
    from models.generate.pool import Pool, RowDone, RowFailed
    from models.generate.sampling import fresh_seed, seed_of_sample

    pool = Pool(model)
    seed = fresh_seed() if sampling.seed is None else sampling.seed
    for number, prompt in enumerate(prompts):
        for sample in range(samples):
            own = msgspec.structs.replace(sampling, seed=seed_of_sample(seed, number * samples + sample))
            messages = [Message(role="user", content=prompt)] if isinstance(prompt, str) else list(prompt)
            pool.add(
                ChatRequest(
                    model=model.name,
                    messages=messages,
                    think=think,
                    max_tokens=max_tokens,
                    calm=calm,
                    another=samples > 1,
                    sampling=own,
                )
            )
    replies: dict[int, Reply] = {}
    for event in pool.events():
        if isinstance(event, RowFailed):
            raise event.error
        if isinstance(event, RowDone):
            replies[event.row] = event.reply
        yield event
    return [[replies[number * samples + sample] for sample in range(samples)] for number in range(len(prompts))]


def answer(model: "LoadedModel", prompt: str | Sequence[Message], *, think: int | None = 2048, votes: int = 1) -> str:
    """Answer as `reply` does; returns the answer alone."""
    return run(reply(model, prompt, think=think, votes=votes)).answer
