"""Held-out prompts, answered greedily at each checkpoint by the same code that answers in chat."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.chat_request import conversation
from models.events import Progress, Reply, Sample, Token
from models.finetune.dataset import Example
from models.finetune_config import FinetuneConfig
from models.generate import reply as generate
from models.generate.load import LoadedModel
from models.requests import ChatRequest, Message, Sampling

SIGN_OF_LIFE = 16  # tokens between two


@dataclass(frozen=True)
class Prompts:
    """The prompts of a run, answered by the model in training."""

    loaded: LoadedModel
    examples: Sequence[Example]
    config: FinetuneConfig

    def answer(self, step: int) -> Iterator[Progress | Sample]:
        """Answer all prompts, with thinking where the example has some. The KV cache is freed at the end."""
        try:
            for number, example in enumerate(self.examples):
                yield from self._answer(step, number, example)
        finally:
            self.loaded.cache.clear()

    def _answer(self, step: int, number: int, example: Example) -> Iterator[Progress | Sample]:
        self.loaded.cache.clear()  # it holds what the weights of another step have read
        replying = generate.reply(self.loaded, self._request(example))
        for count in itertools.count():
            try:
                event = next(replying)
            except StopIteration as end:
                reply: Reply = end.value
                break
            if isinstance(event, Token) and count % SIGN_OF_LIFE == 0:
                yield Progress(stage="sample", done=number, total=len(self.examples), unit="prompts")
        yield Sample(step=step, prompt=example.problem, thinking=reply.thinking, answer=reply.answer)

    def _request(self, example: Example) -> ChatRequest:
        return ChatRequest(
            model=self.loaded.name,
            messages=conversation(example.system, [Message(role="user", content=example.problem)]),
            think=self.config.sample_budget if example.thinking.strip() else 0,
            max_tokens=self.config.sample_tokens,
            sampling=Sampling(temperature=0.0),
        )
