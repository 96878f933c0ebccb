"""The text of tokens as they come is that of all of them together, for every kind of tokenizer."""

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from models.generate.running_text import RunningText

TEXT = "Two words, \tthen  spaces\n and é, 数, 👩‍🚀 . Don 't !"


def bytes_of_gpt2() -> PreTrainedTokenizerFast:
    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary |= {"Ġw": 300, "Ġa": 301}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("Ġ", "w"), ("Ġ", "a")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def sentencepiece() -> PreTrainedTokenizerFast:
    """As Llama 2's: a space at the start of what is decoded is dropped; letters it does not know are bytes."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁w", *"TwordshenspacetiDmybf,.!'"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("▁", "w")], unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


@pytest.mark.parametrize("make", [bytes_of_gpt2, sentencepiece])
@pytest.mark.parametrize("begun", ["", "So ", "So\nWait", "数"])
def test_the_pieces_are_the_whole(make, begun: str):
    tokenizer = make()
    tokens = tokenizer.encode(begun + TEXT, add_special_tokens=False)
    before = len(tokenizer.encode(begun, add_special_tokens=False)) if begun else 0
    running = RunningText(tokenizer, tokens[:before])
    pieces = [running.add(token) for token in tokens[before:]]
    whole = tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
    assert "".join(pieces) + running.rest() == whole[len(tokenizer.decode(tokens[:before])) :]
    assert not any("\ufffd" in piece for piece in pieces)


@pytest.mark.parametrize("make", [bytes_of_gpt2, sentencepiece])
def test_the_first_space_after_what_stood_before_stays(make):
    tokenizer = make()
    space = tokenizer.encode("T w", add_special_tokens=False)[-1]
    assert RunningText(tokenizer, tokenizer.encode("T", add_special_tokens=False)).add(space) == " w"


def test_bytes_that_never_become_a_letter_are_shown():
    tokenizer = bytes_of_gpt2()
    running = RunningText(tokenizer, [])
    [byte] = tokenizer.convert_tokens_to_ids(["ÿ"])
    shown = "".join(running.add(byte) for _ in range(20)) + running.rest()
    assert shown == "\ufffd" * 20
