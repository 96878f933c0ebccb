"""A run on a set is begun under its own name, and goes on only for what it was begun for."""

import pytest

from models import errors
from models.finetune.from_set import finetune_on_set
from tests.models.finetune import made_runs


@pytest.mark.parametrize("asked", [("other", "sums", "adder"), ("base", "other", "adder"), ("base", "sums", "other")])
def test_another_run_of_that_name_is_not_taken_for_it(asked: tuple[str, str, str]) -> None:
    made_runs.make("run-1", "2025-11-24T10:00:00+00:00", [], "adder", base="base", traces="sums")
    with pytest.raises(errors.BadInput, match="another run named run-1"):
        next(finetune_on_set(*asked, run="run-1"))


def test_what_is_to_be_resumed_has_to_be_there() -> None:
    with pytest.raises(errors.NotFound, match="no run named run-1"):
        next(finetune_on_set("base", "sums", "adder", run="run-1", resume=True))
    with pytest.raises(errors.NotFound, match="no unfinished run for an adapter named adder"):
        next(finetune_on_set("base", "sums", "adder", resume=True))
