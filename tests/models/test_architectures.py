"""An entry of the table is all an architecture needs: each is estimated, written and read under a name no code knows."""

from pathlib import Path

import mlx.core as mx
import mlx_lm.utils
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from models import errors
from models.architectures import ARCHITECTURES, LAYER_NAMES, OUTER_NAMES, PRE_TOKENIZERS
from models.checkpoint import shapes
from models.checkpoint.weight_stream import open_source
from models.generate import load
from models.gguf import header, read, write
from tests.models.tiny_families import make_family

NAME = "acorn"


def tiny(family: str, tied: bool, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A random model of a family, whose entry and whose code in mlx-lm are found under NAME alone."""
    monkeypatch.setitem(ARCHITECTURES, NAME, ARCHITECTURES[family])
    monkeypatch.delitem(ARCHITECTURES, family)
    monkeypatch.setitem(mlx_lm.utils.MODEL_REMAPPING, NAME, mlx_lm.utils.MODEL_REMAPPING.get(family, family))
    return make_family(family, model_type=NAME, tie_word_embeddings=tied)


@pytest.mark.parametrize("family", list(ARCHITECTURES))
@pytest.mark.parametrize("tied", [False, True])
def test_an_entry_is_all_an_architecture_needs(
    family: str, tied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny(family, tied, monkeypatch)
    config = load.read_config(folder)
    model, _ = load_model(folder)
    weights = dict(tree_flatten(model.parameters()))
    shape = shapes.shape_of(config)
    assert shape.params == sum(array.size for array in weights.values())

    source, tokenizer = open_source(folder), load.load_tokenizer(folder, config)
    if ARCHITECTURES[NAME].gguf is None:
        with pytest.raises(errors.Unsupported, match=f"{NAME} can't be written as GGUF"):
            write.GGUFFile(source, tokenizer, "F16", write.About("Tiny"))
        return
    file, back = tmp_path / "tiny.gguf", tmp_path / "back"
    for _ in write.GGUFFile(source, tokenizer, "F16", write.About("Tiny")).write(file):
        pass
    for _ in read.convert(file, back):
        pass
    told = load.read_config(back)
    assert shapes.shape_of(told) == shape
    assert all(told[key] == config[key] for key in ("model_type", "rope_theta", "rms_norm_eps"))
    found = dict(tree_flatten(load_model(back)[0].parameters()))
    assert found.keys() == weights.keys()
    for name, array in weights.items():
        assert mx.allclose(found[name].astype(mx.float32), array, rtol=2e-3, atol=1e-5), name
    assert header.read(file).text("general.architecture") == NAME


def test_every_tensor_of_a_dense_model_has_a_name_in_gguf() -> None:
    shape = shapes.ModelShape(
        layers=1, hidden=8, feed_forward=8, heads=2, kv_heads=1, head_dim=4, vocab=9,
        attention_bias=True, output_bias=True, mlp_bias=True, qk_norms=True,
    )  # fmt: skip
    assert {tensor.path for tensor in shapes.outer_tensors(shape)} == OUTER_NAMES.keys()
    inner = {tensor.path.removeprefix("model.layers.0.") for tensor in shapes.layer_tensors(shape, 0)}
    assert inner == LAYER_NAMES.keys()


def test_every_entry_names_a_pre_tokenizer_there_is() -> None:
    named = {entry.gguf.pre_tokenizer for entry in ARCHITECTURES.values() if entry.gguf}
    assert named <= PRE_TOKENIZERS.keys()
