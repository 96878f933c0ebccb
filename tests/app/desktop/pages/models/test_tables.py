"""The item models of the page, and the order of the library."""

from msgspec import structs
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.desktop.pages.models.library_list import MODEL, LibraryModel, provenance, sort
from app.desktop.pages.models.model_panel import source_of
from app.desktop.pages.models.quant_cards import QuantCards, VariantModel, related, variants
from models.events import OnProblems
from tests.app.desktop.pages.models.fakes import LLAMA_8B, card, library, model


def test_item_models_keep_their_contracts(qtbot: QtBot, qtmodeltester: ModelTester) -> None:
    listed = LibraryModel()
    listed.set_models(library())
    qtmodeltester.check(listed)
    listed.set_order("size")
    listed.set_models(library()[:2])
    table = VariantModel()
    qtmodeltester.check(table)
    table.set_rows(variants(related(library()[1], library()), ""))
    qtmodeltester.check(table)


def test_the_library_is_sorted_by_name_size_or_last_use() -> None:
    names = [found.title for found in sort(library(), "name")]
    assert names == sorted(names, key=str.lower)
    sizes = [found.size_bytes for found in sort(library(), "size")]
    assert sizes == sorted(sizes, reverse=True)
    assert sort(library(), "last_use")[0].name == "llama-8b-mixed-4-6"


def test_what_only_changed_does_not_reset_the_list(qtbot: QtBot) -> None:
    listed = LibraryModel()
    listed.set_models(library())
    changed = [found if found.name != "half" else model("half", found.title, 9.0) for found in library()]
    with qtbot.waitSignal(listed.dataChanged), qtbot.assertNotEmitted(listed.modelReset):
        listed.set_models(changed)
    assert listed.row_of("half").data(MODEL).size_bytes == 9_000_000_000


def test_provenance_is_repository_commit_recipe_and_date() -> None:
    assert provenance(library()[2]) == f"{LLAMA_8B} · 6a6f4aa · mixed 4/6-bit · 20 Nov 2025"


def test_variants_stand_side_by_side_with_their_original_last() -> None:
    rows = variants(related(library()[1], library()), "llama-8b-mixed-4-6")
    assert [row.cells[0] for row in rows] == ["3-bit", "4-bit", "mixed 4/6-bit", "8-bit", "16-bit, the original"]
    assert rows[1].cells == ("4-bit", "4.5 GB", "0.041", "93.1 %", "44", "5.6 GB")
    assert rows[-1].cells[1:] == ("16.1 GB", "—", "—", "—", "—")
    assert [row.in_use for row in rows] == [False, False, True, False, False]


def test_a_card_without_an_original_has_no_divergence() -> None:
    alone = model("alone", "Alone", 4.5, card=card("alone", "4bit", 4.5, None, None, 3.21, 5.0))
    assert variants(related(alone, [alone]), "")[0].cells == ("4-bit", "4.5 GB", "—", "—", "3.2", "5.0 GB")


def test_cards_are_shown_only_when_something_was_measured_and_warn_in_words(qtbot: QtBot) -> None:
    cards = QuantCards()
    qtbot.addWidget(cards)
    cards.show_model(library()[0], library(), "")
    assert cards.isHidden()
    cards.show_model(library()[1], library(), "")
    assert not cards.isHidden()
    assert cards.table.model().rowCount() == 5
    assert cards.title == "Quantization of DeepSeek-R1-Distill-Llama-8B"
    assert cards.warning == "3-bit: One word in three differs from the original’s."


def test_what_a_variant_costs_on_problems_is_said_below(qtbot: QtBot) -> None:
    cards = QuantCards()
    qtbot.addWidget(cards)
    models = library()
    cards.show_model(models[1], models, "")
    assert cards.on_problems == ""
    costs = OnProblems(
        task="GSM8K", problems=200, think=1024, difference=-0.015, interval=(-0.02, -0.01), thinking=1.12,
        thinking_interval=(1.05, 1.2), evaluation="e", measured="2026",
    )  # fmt: skip
    shown = [
        structs.replace(one, card=structs.replace(one.card, on_problems=costs))
        if one.recipe == "4bit" and one.card
        else one
        for one in models
    ]
    cards.show_model(models[1], shown, "")
    assert cards.on_problems == (
        "4-bit costs 1.5 points, between 1.0 and 2.0, and thinks 12 % longer on GSM8K"
        " (200 problems, thinking 1,024 tokens)."
    )


def test_a_quantized_model_is_quantized_anew_from_its_original() -> None:
    models = library()
    assert source_of(models[1], models) is models[5]
    assert source_of(models[5], models) is models[5]
    assert source_of(models[1], models[:5]) is None
    imported = model("imported", "Imported", 16.0, bits=16.0)
    assert source_of(imported, [imported]) is imported
