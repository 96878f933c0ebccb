"""Held-out prompts, answered greedily at each checkpoint by the same code that answers in chat."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.events import Progress, Reply, Sample, Token
from models.finetune.run_tokens import SamplePrompt
from models.finetune_config import FinetuneConfig
from models.generate import reply as generate
from models.generate.load import LoadedModel
from models.requests import ChatRequest, Message, Sampling

SIGN_OF_LIFE = 16  # tokens between two


@dataclass(frozen=True)
class Prompts:
    """The prompts of a run, answered by the model in training."""

    loaded: LoadedModel
    asked: Sequence[SamplePrompt]
    config: FinetuneConfig

    def answer(self, step: int) -> Iterator[Progress | Sample]:
        """Answer all prompts, with thinking where their example has some. The KV cache is freed at the end."""
        try:
            for number, one in enumerate(self.asked):
                yield from self._answer(step, number, one)
        finally:
            self.loaded.cache.clear()

    def _answer(self, step: int, number: int, one: SamplePrompt) -> Iterator[Progress | Sample]:
        self.loaded.cache.clear()  # it holds what the weights of another step have read
        replying = generate.reply(self.loaded, self._request(one), prompt=one.prompt)
        for count in itertools.count():
            try:
                event = next(replying)
            except StopIteration as end:
                reply: Reply = end.value
                break
            if isinstance(event, Token) and count % SIGN_OF_LIFE == 0:
                yield Progress(stage="sample", done=number, total=len(self.asked), unit="prompts")
        yield Sample(step=step, prompt=one.asked, thinking=reply.thinking, answer=reply.answer)

    def _request(self, one: SamplePrompt) -> ChatRequest:
        return ChatRequest(
            model=self.loaded.name,
            messages=[Message(role="user", content=one.asked)],
            think=self.config.sample_budget if one.thinks else 0,
            max_tokens=self.config.sample_tokens,
            sampling=Sampling(temperature=0.0),
        )
