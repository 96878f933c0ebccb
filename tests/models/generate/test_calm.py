"""Calm thinking: which tokens begin to hesitate, and that they are damped in thoughts and nowhere else."""

from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import msgspec
import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from models.generate.calm import hesitations
from models.generate.reply import reply
from models.generate.votes import vote
from models.requests import ChatRequest, Message, Sampling
from tests.models.scripted import tiny_loaded
from tests.returned import result_of


def tokenizer(pieces: list[str]) -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: index for index, piece in enumerate([*alphabet, *pieces])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_tokens([AddedToken("<think>", special=True)])
    return PreTrainedTokenizerFast(tokenizer_object=made)


@pytest.mark.parametrize(
    "piece", ["Wait", "ĠWait", "Ġwait", "WAIT", "ĊWait", "ĊĊĠWait", "▁Wait", "Wait,", "ĠHmm", "hmmm", "Ġhm", "Alternatively", "ĠActually,"]
)  # fmt: skip
def test_a_word_by_which_a_model_hesitates_is_found(piece: str):
    found = tokenizer([piece])
    assert hesitations(found) == [found.convert_tokens_to_ids(piece)]


@pytest.mark.parametrize(
    "piece", ["Waiter", "Ġwaiting", "await", "Ġham", "ĠFactually", "Waits", "H", "Ġ", "Ċ", ",", "mm"]
)
def test_a_word_that_only_looks_like_it_is_not(piece: str):
    assert hesitations(tokenizer([piece])) == []


class Hesitant(nn.Module):
    """A model that would nearly as soon begin with "W" whatever it says."""

    def __init__(self, model: nn.Module, token: int) -> None:
        super().__init__()
        self.model, self.layers, self.token = model, model.layers, token

    def __call__(self, inputs: mx.array, cache: list) -> mx.array:
        logits = self.model(inputs, cache=cache)
        logits[..., self.token] = mx.max(logits, axis=-1) - 0.1
        return logits


@pytest.mark.parametrize("votes", [1, 2])
def test_only_thoughts_are_calm(tmp_path: Path, votes: int):
    loaded = tiny_loaded(tmp_path, "opened")
    (token,) = loaded.tokenizer.encode("W", add_special_tokens=False)
    loaded.__dict__["hesitations"] = [token]
    loaded.model = Hesitant(loaded.model, token)
    family = msgspec.structs.replace(loaded.style.family, phrase="\nSo.\n")
    loaded.style = msgspec.structs.replace(loaded.style, family=family)
    turns = [Message(role="user", content="Hm?")]
    counts = {}
    for calm in (False, True):
        sampling = Sampling(temperature=1.0, seed=2)
        request = ChatRequest(
            model="Tiny", messages=turns, think=40, max_tokens=220, votes=votes, calm=calm, sampling=sampling
        )
        record = result_of((vote if votes > 1 else reply)(loaded, request))
        said = record.votes or [record]
        counts[calm] = sum(one.thinking.count("W") for one in said), sum(one.answer.count("W") for one in said)
    assert counts[True][0] < counts[False][0] / 3
    assert counts[True][1] > 10
