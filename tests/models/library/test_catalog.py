"""The catalog: every entry as it should be, found by its names, and offered by what fits."""

import re

import msgspec
import pytest

from models import families, paths, recipes
from models.library import catalog, fit
from models.machine.hardware import GIB, Machine, default_gpu_limit
from tests.models.library.tabled import tabled_bytes

# Weights as the models' cards and indexes on the Hub count them.
KNOWN = {
    "R1-Distill-Qwen-1.5B": 1_777_088_000,
    "R1-Distill-Qwen-7B": 7_615_616_512,
    "R1-Distill-Qwen-14B": 14_770_033_664,
    "R1-Distill-Qwen-32B": 32_763_876_352,
    "R1-Distill-Llama-8B": 8_030_261_248,
    "R1-Distill-Llama-70B": 70_553_706_496,
    "Qwen3-8B": 8_190_735_360,
    "Qwen3-0.6B": 596_049_920,
    "Qwen3-30B-A3B-Thinking": 30_532_122_624,
    "SmolLM3-3B": 3_075_098_624,
    "SmolLM2-135M": 134_515_008,
}
ALL = [pytest.param(entry, id=entry.title) for entry in catalog.entries()]


def mac(gigabytes: int) -> Machine:
    memory = gigabytes * GIB
    limit = default_gpu_limit(memory)
    return Machine(chip="Apple M4", cores=10, memory_bytes=memory, gpu_limit_bytes=limit, platform="macOS 15.1")


def found(name: str) -> catalog.CatalogEntry:
    entry = catalog.find(name)
    assert entry is not None
    return entry


@pytest.mark.parametrize("entry", ALL)
def test_its_weights_come_out_of_its_shape(entry: catalog.CatalogEntry) -> None:
    assert entry.params == entry.shape.params
    assert entry.shape.heads % entry.shape.kv_heads == 0


@pytest.mark.parametrize("entry", ALL)
def test_the_original_is_as_large_as_its_shape_says(entry: catalog.CatalogEntry) -> None:
    if entry.quantization:
        computed = tabled_bytes(entry.shape, entry.quantization)
    else:
        copied = entry.shape.head_params if entry.head_copied else 0
        computed = fit.weights_bytes(entry.shape, None) + 2 * copied
    assert entry.original_bytes == pytest.approx(computed, rel=0.01)


@pytest.mark.parametrize("entry", ALL)
def test_the_table_of_families_agrees(entry: catalog.CatalogEntry) -> None:
    own = next(family for family in families.families() if family.id == entry.family)
    # What a template contains is known only when it is there: its family's own mark stands for it.
    name = entry.built_in or entry.repo
    assert families.family_of(name, entry.architecture, own.match.get("template", "")).id == entry.family


@pytest.mark.parametrize("entry", ALL)
def test_it_is_told_in_words(entry: catalog.CatalogEntry) -> None:
    assert entry.revision == "main" or re.fullmatch(r"[0-9a-f]{40}", entry.revision)
    assert re.fullmatch(r"[A-Z][^.]*(\.\d[^.]*)*\.", entry.summary)
    assert all(score.source and score.how for score in entry.scores)


@pytest.mark.parametrize(("title", "params"), KNOWN.items())
def test_weights_are_the_known_ones(title: str, params: int) -> None:
    assert found(title).params == params


def test_no_two_are_called_alike() -> None:
    entries = catalog.entries()
    assert len({entry.title.lower() for entry in entries}) == len({entry.repo.lower() for entry in entries}) == 26


def test_one_is_found_by_repo_title_and_built_in_name() -> None:
    by_repo = found("deepseek-ai/deepseek-r1-distill-qwen-7b")
    assert by_repo is found(" R1-distill-QWEN-7B ")
    assert found("starter").title == "SmolLM2-135M"
    assert catalog.find("") is None
    assert catalog.find("R1") is None


def test_search_wants_every_word_somewhere() -> None:
    assert [entry.title for entry in catalog.search("llama r1")] == ["R1-Distill-Llama-8B", "R1-Distill-Llama-70B"]
    assert {entry.family for entry in catalog.search("CC-BY")} == {"openreasoning-nemotron"}
    assert catalog.search("") == catalog.entries()
    assert catalog.search("qwen nothing-like-it") == []


def test_the_published_scores_are_the_papers() -> None:
    scores = {(score.benchmark, score.source[:11]): score.value for score in found("R1-Distill-Qwen-1.5B").scores}
    assert scores[("MATH-500", "DeepSeek-R1")] == 83.9
    assert scores[("MATH-500", "open-r1's o")] == 83.1


BROKEN = {
    "an unknown key": ("gated = false", "gatted = false"),
    "an architecture that can't be computed": ('architecture = "qwen2"', 'architecture = "gpt2"'),
    "a shape without layers": ("layers = 28, ", ""),
    "a shape with no heads": ("heads = 12", "heads = 0"),
    "a repo that is a path": ('repo = "deepseek-ai/', 'repo = "../'),
    "scores of no source": ("[source.r1]", "[source.elsewhere]"),
    "a score that is no number": ('"MATH-500" = 83.9', '"MATH-500" = "83.9"'),
    "a negative score": ('"MATH-500" = 83.9', '"MATH-500" = -1.0'),
    "a source without its way of measuring": ('how = "thinking on"', 'what = "thinking on"'),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused(change: tuple[str, str]) -> None:
    text = (paths.resources() / "catalog.toml").read_text("utf-8")
    assert change[0] in text
    with pytest.raises(msgspec.ValidationError):
        catalog.read(text.replace(*change, 1))


def test_a_16_gb_mac_is_offered_what_fits() -> None:
    machine = mac(16)
    assert catalog.offer(found("R1-Distill-Qwen-1.5B"), machine).sentence == "2.4 GB · 8-bit"
    eight = catalog.offer(found("R1-Distill-Llama-8B"), machine)
    assert eight.recommended is not None
    assert (eight.recommended.recipe, eight.state) == ("mixed-4-6", "fits")
    fourteen = catalog.offer(found("R1-Distill-Qwen-14B"), machine)
    assert fourteen.recommended is not None
    assert (fourteen.recommended.recipe, fourteen.state) == ("4bit", "tight")
    assert "close other programs" in fourteen.recommended.sentence
    large = catalog.offer(found("R1-Distill-Qwen-32B"), machine)
    assert large.recommended is None
    assert large.sentence == "21.0 GB · needs a 36 GB Mac"


@pytest.mark.parametrize("entry", ALL)
def test_the_mac_that_is_named_is_the_smallest_that_is_offered_it(entry: catalog.CatalogEntry) -> None:
    sizes = [size for size in fit.MAC_SIZES if catalog.offer(entry, mac(size)).recommended]
    told = {catalog.offer(entry, mac(size)).sentence.partition("needs a")[2] for size in fit.MAC_SIZES} - {""}
    assert told == ({f"{'n' if sizes[0] == 18 else ''} {sizes[0]} GB Mac"} if sizes[0] > 8 else set())


@pytest.mark.parametrize("entry", ALL)
def test_choices_begin_with_the_original_and_name_every_recipe(entry: catalog.CatalogEntry) -> None:
    offer = catalog.offer(entry, mac(64))
    names = [choice.recipe for choice in offer.choices]
    assert names == ([""] if entry.built_in else ["", *recipes.OFFERED])
    assert offer.choices[0].size_bytes == entry.original_bytes
    for choice in offer.choices[1:]:
        assert choice.size_bytes == fit.weights_bytes(entry.shape, recipes.parse(choice.recipe))
        assert choice.size_bytes < choice.needed_bytes


def test_a_machine_that_runs_in_float32_is_told_so_in_bytes() -> None:
    memory = 23 * GIB
    linux = Machine(chip="EPYC", cores=2, memory_bytes=memory, gpu_limit_bytes=memory, platform="Debian 12")
    large = catalog.offer(found("R1-Distill-Qwen-7B"), linux)
    assert large.recommended is None
    assert re.fullmatch(r"needs \d\d\.\d GB of memory here", large.sentence)
    starter = catalog.offer(found("starter"), linux)
    assert starter.recommended is not None
    assert starter.sentence.endswith(" · built in")
    assert [offer.entry for offer in catalog.offers(linux)] == catalog.entries()
