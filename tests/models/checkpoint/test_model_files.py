"""Which files are the model's: those of the index, else model.safetensors, else its shards; never what lies beside."""

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models import errors
from models.checkpoint import fingerprint, folders, model_files, safety
from models.generate import load
from models.library import installed
from models.quant.quantize import quantize
from tests.models.tiny_families import make_family
from tests.returned import run as returned

INDEX = "model.safetensors.index.json"


def sharded(folder: Path) -> Path:
    """The same weights in two files and an index."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: weights[name] for name in held}, folder / file)
    index = {"weight_map": {name: file for file, held in parts.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def other(folder: Path, name: str) -> None:
    """Other weights of the same shapes, under a name of the model's kind."""
    any_file = load_file(model_files.weight_files(folder)[0])
    save_file({key: value + 1 for key, value in any_file.items()}, folder / name)


def auxiliary(folder: Path, name: str) -> None:
    save_file({"mtp.head.weight": np.ones((4, 4), np.float32)}, folder / name)


def logits(folder: Path) -> mx.array:
    return load.load_weights(folder, load.read_config(folder))(mx.array([[5, 9, 60, 61, 62]]))


@pytest.mark.parametrize("in_shards", [False, True])
@pytest.mark.parametrize(
    ("beside", "name"),
    [
        (other, "model.fp16.safetensors"),
        (other, "model-00001-of-00003.safetensors"),
        (other, "model_old.safetensors"),
        (other, "consolidated.safetensors"),
        (auxiliary, "model-mtp.safetensors"),
        (auxiliary, "mtp.safetensors"),
    ],
)
def test_what_lies_beside_the_weights_is_never_read(beside: object, name: str, in_shards: bool, home: Path) -> None:
    folder = make_family("llama")
    if in_shards:
        sharded(folder)
    before, size, mark = logits(folder), folders.folder_size(folder), fingerprint.of(folder)
    held = load.weights_on_disk(folder)
    assert callable(beside)
    beside(folder, name)
    safety.check(folder)
    assert mx.array_equal(logits(folder), before)
    assert folders.folder_size(folder) == size
    assert load.weights_on_disk(folder) == held
    assert fingerprint.of(folder) == mark
    _, copy = returned(quantize(folder.name, "8bit", card=False))
    (folder / name).unlink()
    _, right = returned(quantize(folder.name, "8bit", card=False))
    assert mx.array_equal(logits(Path(copy.path)), logits(Path(right.path)))


def test_the_index_goes_before_an_older_file_and_copies_take_its_files_along(home: Path) -> None:
    folder = make_family("llama")
    before = logits(sharded(folder))
    other(folder, "model.safetensors")
    assert mx.array_equal(logits(folder), before)
    _, copy = returned(installed.import_model(folder, "copy"))
    names = {path.name for path in Path(copy.path).glob("*.safetensors")}
    assert names == {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
    assert mx.array_equal(logits(Path(copy.path)), before)


def test_an_index_may_call_the_files_as_it_likes(home: Path) -> None:
    folder = make_family("llama")
    before = logits(folder)
    names = list(load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").rename(folder / "part_one.safetensors")
    (folder / INDEX).write_text(json.dumps({"weight_map": dict.fromkeys(names, "part_one.safetensors")}))
    assert mx.array_equal(logits(folder), before)


def test_shards_are_the_model_without_an_index_too(home: Path) -> None:
    folder = make_family("llama")
    before = logits(folder)
    (sharded(folder) / INDEX).unlink()
    assert mx.array_equal(logits(folder), before)


@pytest.mark.parametrize(
    "tensor", ["mtp.head.weight", "model.mtp_layers.0.norm.weight", "language_model.mtp.fc.weight"]
)
def test_a_file_of_multi_token_prediction_alone_is_not_missed(tensor: str, home: Path) -> None:
    folder = make_family("llama")
    before = logits(sharded(folder))
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps({"weight_map": index["weight_map"] | {tensor: "model-mtp.safetensors"}}))
    assert mx.array_equal(logits(folder), before)
    auxiliary(folder, "model-mtp.safetensors")
    assert mx.array_equal(logits(folder), before)


def test_a_shard_that_the_index_names_is_missed(home: Path) -> None:
    folder = sharded(make_family("llama"))
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(errors.Corrupt, match="model-00002-of-00002"):
        model_files.weight_files(folder)


def test_a_variant_alone_is_no_model(home: Path) -> None:
    folder = make_family("llama")
    (folder / "model.safetensors").rename(folder / "model.fp16.safetensors")
    with pytest.raises(errors.NotFound, match="no weights"):
        model_files.weight_files(folder)
