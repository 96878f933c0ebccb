"""The header of a safetensors file is read as MLX reads it, and refused where MLX would be led astray."""

import json
import os
from pathlib import Path

import mlx.core as mx
import pytest

from models import errors
from models.checkpoint import safetensors_header
from tests.models.hostile import weights
from tests.tiny import make_tiny


def test_a_real_file_is_read_as_mlx_reads_it(tmp_path: Path):
    path = make_tiny(tmp_path / "tiny") / "model.safetensors"
    header = safetensors_header.read(path)
    arrays = mx.load(str(path))
    assert {name: tensor.shape for name, tensor in header.tensors.items()} == {
        name: array.shape for name, array in arrays.items()
    }
    assert header.data_bytes == sum(array.nbytes for array in arrays.values())
    assert header.data_offset + header.data_bytes == path.stat().st_size
    assert header.metadata == {"format": "mlx"}


def test_every_type_that_mlx_writes_is_known(tmp_path: Path):
    dtypes = [mx.bool_, mx.uint8, mx.int8, mx.uint16, mx.int16, mx.uint32, mx.int32, mx.uint64, mx.int64,
              mx.float16, mx.bfloat16, mx.float32, mx.complex64]  # fmt: skip
    path = tmp_path / "x.safetensors"
    mx.save_safetensors(str(path), {str(number): mx.zeros((3, 2), dtype) for number, dtype in enumerate(dtypes)})
    assert len(safetensors_header.read(path).tensors) == len(dtypes)


def test_scalars_empty_tensors_and_empty_files_are_right(tmp_path: Path):
    table = {
        "empty": {"dtype": "F32", "shape": [0, 7], "data_offsets": [0, 0]},
        "scalar": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
    }
    header = safetensors_header.read(weights.write(tmp_path / "x", table, 4))
    assert (header.tensors["empty"].shape, header.tensors["scalar"].shape) == ((0, 7), ())
    assert safetensors_header.read(weights.write(tmp_path / "y", {}, 0)).tensors == {}


def test_metadata_may_hold_what_looks_like_a_header(tmp_path: Path):
    said = json.dumps({"dtype": "F32", "shape": [1], "data_offsets": '"quoted"'})
    header = safetensors_header.read(weights.write(tmp_path / "x", {"__metadata__": {"note": said}, **weights.table()}))
    assert header.metadata == {"note": said}
    assert list(header.tensors) == ["a", "b"]


@pytest.mark.parametrize("what", weights.WRONG)
def test_a_wrong_header_is_refused_with_the_reason(tmp_path: Path, what: str):
    make, word = weights.WRONG[what]
    with pytest.raises(errors.Corrupt, match=word) as caught:
        safetensors_header.read(make(tmp_path / "model.safetensors"))
    assert "model.safetensors" in caught.value.text
    assert caught.value.text.isprintable()


def test_a_type_of_the_format_that_mlx_lacks_is_named(tmp_path: Path):
    path = weights.write(tmp_path / "x.safetensors", weights.table(dtype="F64", shape=[1]))
    with pytest.raises(errors.Unsupported, match="F64"):
        safetensors_header.read(path)
    with pytest.raises(RuntimeError, match="F64"):
        mx.load(str(path))


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in (tmp_path / "pipe.safetensors", Path("/dev/zero"), tmp_path):
        with pytest.raises((errors.Unsafe, IsADirectoryError)):
            safetensors_header.read(path)


@pytest.mark.slow
def test_a_hundred_thousand_tensors_are_read(tmp_path: Path):
    table = {
        f"layers.{i}.weight": {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]}
        for i in range(safetensors_header.MAX_TENSORS)
    }
    header = safetensors_header.read(weights.write(tmp_path / "x", table, len(table)))
    assert header.data_bytes == len(header.tensors) == 100_000
