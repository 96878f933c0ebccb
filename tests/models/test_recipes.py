import pytest

from models import errors, recipes


@pytest.mark.parametrize(
    ("text", "name", "title", "bits"),
    [
        ("4bit", "4bit", "4-bit", 4.5),
        ("8-bit", "8bit", "8-bit", 8.5),
        ("MIXED_4_6", "mixed-4-6", "mixed 4/6-bit", 4.5),
        ("mxfp4", "mxfp4", "mxfp4", 4.25),
        ("mxfp8", "mxfp8", "mxfp8", 8.25),
        ("nvfp4", "nvfp4", "nvfp4", 4.5),
        ("dwq", "dwq", "4-bit learned", 4.5),
        ("dwq-3bit", "dwq-3bit", "3-bit learned", 3.5),
    ],
)
def test_a_name_is_read(text: str, name: str, title: str, bits: float) -> None:
    recipe = recipes.parse(text)
    assert (recipe.name, recipe.title, recipe.bits_per_weight()) == (name, title, bits)


def test_all_that_is_offered_is_read_back_by_its_own_name() -> None:
    assert [recipes.parse(name).name for name in recipes.OFFERED] == list(recipes.OFFERED)


@pytest.mark.parametrize("text", ["", "2bit", "7bit", "mixed-6-4", "mixed-4-4", "q4_k_m", "4bit; rm"])
def test_what_is_no_recipe_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(errors.BadInput, match="no quantization") as refused:
        recipes.parse(text)
    assert "mixed-4-6" in refused.value.hint


@pytest.mark.parametrize(("text", "group_size"), [("4bit", 48), ("mxfp4", 64), ("nvfp4", 32)])
def test_a_group_that_the_mode_has_not_is_refused(text: str, group_size: int) -> None:
    with pytest.raises(errors.BadInput, match="roups of"):
        recipes.parse(text, group_size)


def test_a_mixed_recipe_spends_its_bits_as_mlx_lm_does() -> None:
    from mlx_lm.convert import mixed_quant_predicate_builder

    class Model:
        layers = [None] * 28

        def named_modules(self) -> list[tuple[str, object]]:
            return [("model.layers.0.mlp.down_proj", object())]

    theirs = mixed_quant_predicate_builder("mixed_4_6", Model())
    ours = recipes.parse("mixed-4-6")
    parts = ["self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj", "mlp.down_proj"]
    paths = [f"model.layers.{layer}.{part}" for layer in range(28) for part in parts] + ["lm_head"]
    assert [ours.bits_at(path, 28) for path in paths] == [theirs(path, None)["bits"] for path in paths]
