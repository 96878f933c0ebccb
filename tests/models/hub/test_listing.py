"""Which files of a repository are needed."""

import pytest

from models import errors
from models.hub import listing


def chosen(*names: str) -> set[str]:
    files = [listing.checked_file("org/x", name, 10, "0" * 40, None) for name in names]
    return {file.path for file in listing.needed(listing.Listing(repo="org/x", commit="0" * 40, files=files))}


def test_sharded_weights_with_their_index() -> None:
    shards = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"}
    assert chosen("config.json", *shards, "consolidated.safetensors", "pytorch_model.bin.index.json") == {
        "config.json",
        *shards,
    }


def test_the_same_weights_in_another_precision() -> None:
    assert chosen("config.json", "model.safetensors", "model.fp16.safetensors") == {"config.json", "model.safetensors"}


def test_weights_under_another_name() -> None:
    assert chosen("config.json", "weights.00.safetensors", "adapter_model.safetensors") == {
        "config.json",
        "weights.00.safetensors",
    }
    assert "consolidated.safetensors" in chosen("config.json", "consolidated.safetensors")


def test_what_comes_along_and_what_does_not() -> None:
    taken = {
        "tokenizer.json",
        "tokenizer.model",
        "merges.txt",
        "vocab.json",
        "chat_template.jinja",
        "LICENSE",
        "NOTICE.txt",
    }
    left = {
        "README.md",
        ".gitattributes",
        ".hidden.json",
        "tokenizer.py",
        "tokenizer.bin",
        "training_args.bin",
        "model.onnx",
        "tf_model.h5",
        "flax_model.msgpack",
        "pytorch_model.bin.index.json",
        "original/params.json",
        "setup.py.txt.py",
    }
    assert chosen("config.json", "model.safetensors", *taken, *left) == {"config.json", "model.safetensors", *taken}


def test_shards_with_an_index_go_before_an_older_whole_file() -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    names = ["config.json", "model.safetensors", "model-mtp.safetensors", *shards, "model.safetensors.index.json"]
    files = [listing.checked_file("org/x", name, 10, "0" * 40, None) for name in names]
    chosen = listing.needed(listing.Listing(repo="org/x", commit="0" * 40, files=files))
    assert [file.path for file in chosen if file.is_weights] == shards


def test_small_files_come_first() -> None:
    files = [
        listing.checked_file("org/x", name, size, "0" * 40, None)
        for name, size in (("model.safetensors", 1000), ("tokenizer.json", 100), ("config.json", 10))
    ]
    ordered = listing.needed(listing.Listing(repo="org/x", commit="0" * 40, files=files))
    assert [file.path for file in ordered] == ["config.json", "tokenizer.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen3-0.6B", "a/b_c.d-e", "0/1"])
def test_names_of_repositories(name: str) -> None:
    assert listing.checked_repo(name) == name


@pytest.mark.parametrize("name", ["main", "v1.0", "refs/pr/1", "feature/x_y", "0" * 40])
def test_names_of_revisions(name: str) -> None:
    assert listing.checked_revision(name) == name


def test_a_file_of_no_use_may_be_of_any_size() -> None:
    assert listing.checked_file("org/x", "video.mp4", 1 << 60, "0" * 40, None).size == 0
    with pytest.raises(errors.Corrupt):
        listing.checked_file("org/x", "config.json", 1 << 60, "0" * 40, None)
