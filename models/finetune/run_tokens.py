"""The tokens of a run: its examples as they were encoded when it began, kept in its folder.

A template may print the date, and may be another tomorrow; so may the code that fills it. A run goes on, or is done
again, on what it began with.
"""

import logging
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from models import errors
from models.checkpoint import folders
from models.finetune.dataset import ChatModel, Encoded, encode_all, prompt_for
from models.finetune.examples import Example
from models.finetune.run_folder import TOKENS
from models.finetune_config import FinetuneConfig
from models.generate.template import Prompt

log = logging.getLogger(__name__)


class SamplePrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A held-out prompt that is answered at each checkpoint."""

    asked: str  # as a person recognises it
    prompt: Prompt
    thinks: bool


class RunTokens(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run learns from and is tried on."""

    encoded: str  # when: ISO 8601, in local time, as a template prints it
    train: Encoded
    valid: Encoded
    prompts: list[SamplePrompt]


class Model(ChatModel, Protocol):
    """What of a loaded model is needed."""

    @property
    def context_limit(self) -> int: ...


_decoder = msgspec.json.Decoder(RunTokens)


def encode(train: list[Example], valid: list[Example], model: Model, config: FinetuneConfig) -> RunTokens:
    """Encode a run's examples."""
    longest = min(config.max_tokens, model.context_limit)
    held_out = encode_all(valid, model, longest)
    return RunTokens(
        encoded=datetime.now().astimezone().isoformat(timespec="seconds"),
        train=encode_all(train, model, longest),
        valid=held_out,
        prompts=[
            SamplePrompt(asked=one.asked, prompt=prompt_for(one, model), thinks=bool(one.thinking.strip()))
            for one in (valid[place] for place in held_out.kept[: config.samples])
        ],
    )


def read(run: Path) -> RunTokens | None:
    """The tokens in a run's folder; None where there are none, as of before they were kept, or they can't be read."""
    try:
        return _decoder.decode((run / TOKENS).read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        log.info("no tokens of the run %s: %s", run.name, error)
        return None


def write(run: Path, tokens: RunTokens) -> None:
    """Keep the tokens in a run's folder."""
    try:
        folders.replace_file(run / TOKENS, msgspec.json.encode(tokens))
    except OSError as error:
        raise errors.from_os_error(error, "writing the run", writing=True) from error
