"""Does what a new engine process does for its first reply, stage by stage, and answers with the seconds of each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks import children
from tests.returned import result_of

seconds: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure a stage."""
    begun = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begun


def main() -> None:
    """Run the stages."""
    seconds["process and Python"] = children.seconds_since_asked()
    with stage("import the worker"):
        import models.engine.worker  # noqa: F401
    with stage("import mlx"):
        import mlx.core
        import mlx.nn  # noqa: F401
    with stage("import transformers and mlx_lm"):
        import mlx_lm.generate
        import mlx_lm.utils  # noqa: F401
    with stage("import models.generate.reply and models.generate.load"):
        from models.generate.load import load
        from models.generate.reply import reply
        from models.library import installed, starter
    with stage("find the model"):
        for _ in installed.prepare(installed.STARTER):
            pass
    steps = load(starter.TITLE, starter.folder())
    next(steps)
    with stage("load weights"):
        next(steps)
    with stage("load tokenizer, read template"):
        loaded = result_of(steps)
    from tests.benchmarks.starter import chat

    request = chat("What is the capital of France?", max_tokens=1)
    with stage("first token"):
        first = result_of(reply(loaded, request))
    # The same again finds all but the last prompt token in the cache: what is left is rendering and one step.
    with stage("of that, one step"):
        result_of(reply(loaded, request))
    prefilled = f"prefill of {first.prompt_tokens - 1} tokens"
    one_step = seconds.pop("of that, one step")
    seconds[prefilled] = seconds.pop("first token") - one_step
    seconds["first token"] = one_step
    children.answer_and_end(seconds)


if __name__ == "__main__":
    main()
