"""The page as one uses it: pressing, typing, dropping."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QFrame, QLabel, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.models.get_row import GetRow
from app.desktop.pages.models.library_section import EMPTY
from app.desktop.pages.models.page import ModelsPage
from app.desktop.services.deletions import Deletions
from app.desktop.services.wishes import EvaluationWish, read_wish
from models import events
from models.errors import DiskFull
from models.events import Model
from models.jobs import chains
from models.jobs.kinds.export_adapter import ExportAdapter
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.fuse import Fuse
from models.jobs.kinds.import_model import ImportModel
from models.jobs.kinds.measure_card import MeasureCard
from models.jobs.kinds.quantize import Quantize
from models.jobs.kinds.search import Search
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.pages.models.fakes import LLAMA_8B, QWEN_7B, downloading, many, model, quantizing
from tests.app.desktop.staged_queue import StagedQueue

LEFT = Qt.MouseButton.LeftButton


def button(page: QWidget, name: str) -> QAbstractButton:
    """The one button of that accessible name that can be seen."""
    seen = [b for b in page.findChildren(QAbstractButton) if b.accessibleName() == name and b.isVisible()]
    assert len(seen) == 1, (name, [b.accessibleName() for b in page.findChildren(QAbstractButton) if b.isVisible()])
    return seen[0]


def first_offer(page: ModelsPage) -> str:
    """The sentence of a first run; empty when none is shown."""
    offer = page.findChild(QFrame, "offer")
    return next(label.text() for label in offer.findChildren(QLabel)) if offer.isVisible() else ""


def press(page: QWidget, name: str, qtbot: QtBot) -> None:
    qtbot.mouseClick(button(page, name), LEFT)


def row(page: ModelsPage, title: str) -> GetRow:
    found = page.discover.row(title)
    assert found is not None
    return found


def open_menu(page: QWidget) -> QMenu:
    return next(menu for menu in page.findChildren(QMenu) if menu.isVisible())


def entry(menu: QMenu, beginning: str) -> QAction:
    return next(action for action in menu.actions() if action.text().startswith(beginning))


def shown_rows(page: ModelsPage) -> list[str]:
    return [row.title for row in page.discover.table.rows if row.isVisible()]


# Discover


def test_one_click_gets_the_recommended_variant(page: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    press(page, "Get R1-Distill-Qwen-7B", qtbot)
    assert jobs.asked == [("R1-Distill-Qwen-7B", chains.get(QWEN_7B, recipe="mixed-4-6"))]
    button(page, "Cancel R1-Distill-Qwen-7B")


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return])
def test_get_by_key(page: ModelsPage, jobs: StagedQueue, qtbot: QtBot, key: Qt.Key) -> None:
    get = button(page, "Get R1-Distill-Qwen-7B")
    get.setFocus()
    qtbot.keyClick(get, key)
    assert jobs.asked == [("R1-Distill-Qwen-7B", chains.get(QWEN_7B, recipe="mixed-4-6"))]


def test_every_get_is_reached_by_tab(page: ModelsPage, qtbot: QtBot) -> None:
    page.activateWindow()
    page.toolbar.search.setFocus()
    names: list[str] = []
    for _ in range(60):
        qtbot.keyClick(page.focusWidget() or page, Qt.Key.Key_Tab)
        focused = page.focusWidget()
        names.append(focused.accessibleName() if focused is not None else "")
    assert names[0] == "Import"
    gets = [f"Get {title}" for title in shown_rows(page) if row(page, title).state.kind == "get"]
    assert set(gets) <= set(names)


def test_the_menu_lists_every_variant_and_remembers_what_becomes_of_the_original(
    page: ModelsPage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    press(page, "Variants of R1-Distill-Qwen-14B", qtbot)
    menu = open_menu(page)
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert texts[0].startswith("4-bit (recommended)\t8.3 GB · needs 10.3 GB · tight")
    assert any(text.startswith("8-bit\t") and text.endswith("too big") for text in texts)
    assert texts[-1].startswith("The original, not quantized\t29.5 GB")
    drop = entry(menu, "Delete the original afterwards")
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(drop).center())
    assert menu.isVisible()
    assert drop.isChecked()
    assert not entry(menu, "Keep the original").isChecked()
    three = menu.actionGeometry(entry(menu, "3-bit")).center()
    qtbot.mouseClick(menu, LEFT, pos=three)
    repo = "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"
    assert jobs.asked[-1] == ("R1-Distill-Qwen-14B", chains.get(repo, recipe="3bit", drop_original=True))
    press(page, "Get R1-Distill-Qwen-7B", qtbot)
    assert jobs.asked[-1][1] == chains.get(QWEN_7B, recipe="mixed-4-6", drop_original=True)


def test_what_is_too_big_asks_once_in_place_with_the_numbers(page: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    big = row(page, "R1-Distill-Qwen-32B")
    press(page, "Get R1-Distill-Qwen-32B", qtbot)
    assert jobs.asked == []
    assert big.question.startswith("4-bit needs 21.0 GB, this ")
    assert "limit is 10.4 GB" in big.question
    press(page, "Don’t get R1-Distill-Qwen-32B", qtbot)
    assert big.question == ""
    assert jobs.asked == []
    press(page, "Get R1-Distill-Qwen-32B", qtbot)
    press(page, "Get R1-Distill-Qwen-32B all the same", qtbot)
    repo = "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"
    assert jobs.asked == [("R1-Distill-Qwen-32B", chains.get(repo, recipe="4bit"))]


def test_a_row_follows_its_job_from_get_to_chat(
    page: ModelsPage, jobs: StagedQueue, here: list[Model], qtbot: QtBot
) -> None:
    seven = row(page, "R1-Distill-Qwen-7B")
    job = downloading(jobs)
    assert (seven.state.kind, seven.state.text) == ("busy", "61 %")
    assert not seven.get.isVisible()
    jobs.change(job.id, doing="quantize", done=3, total=28, unit="layers")
    assert seven.state.text == "quantizing"
    here.append(model("qwen-7b-4bit", "R1-Distill-Qwen-7B", 4.5, repo=QWEN_7B, recipe="4bit"))
    with qtbot.waitSignal(page.reading.listed):
        jobs.change(job.id, state="done", model="qwen-7b-4bit", ended="2025-11-24T10:00:00+00:00")
    assert seven.state.kind == "chat"
    with qtbot.waitSignal(page.chat_requested) as asked:
        press(page.discover.table, "Chat with R1-Distill-Qwen-7B", qtbot)
    assert asked.args == ["qwen-7b-4bit", ""]


def test_the_keyboard_stays_on_the_row_from_get_to_chat(
    page: ModelsPage, jobs: StagedQueue, here: list[Model], qtbot: QtBot
) -> None:
    seven = row(page, "R1-Distill-Qwen-7B")
    seven.get.main.setFocus()
    job = downloading(jobs)
    assert seven.hasFocus()
    here.append(model("qwen-7b-4bit", "R1-Distill-Qwen-7B", 4.5, repo=QWEN_7B, recipe="4bit"))
    with qtbot.waitSignal(page.reading.listed):
        jobs.change(job.id, state="done", model="qwen-7b-4bit", ended="2025-11-24T10:00:00+00:00")
    assert seven.get.main.hasFocus()
    with qtbot.waitSignal(page.chat_requested) as asked:
        qtbot.keyClick(seven.get.main, Qt.Key.Key_Return)
    assert asked.args == ["qwen-7b-4bit", ""]


def test_a_download_is_paused_resumed_and_cancelled(page: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    job = downloading(jobs)
    call = jobs.call_of(job.id)
    press(page, "Pause R1-Distill-Qwen-7B", qtbot)
    assert (jobs.job(job.id).state, jobs.engine.cancelled) == ("paused", [call])
    jobs.stopped(job.id)
    press(page, "Resume R1-Distill-Qwen-7B", qtbot)
    assert jobs.job(job.id).state == "running"
    press(page, "Cancel R1-Distill-Qwen-7B", qtbot)
    assert jobs.job(job.id).state == "cancelled"
    assert not page.discover.stack.isVisible()
    button(page, "Get R1-Distill-Qwen-7B")


def test_progress_takes_no_focus_and_pausing_keeps_it(page: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    page.activateWindow()
    job = downloading(jobs)
    cancel = button(page, "Cancel R1-Distill-Qwen-7B")
    cancel.setFocus()
    jobs.change(job.id, done=9_400_000_000)
    assert page.focusWidget() is cancel
    button(page, "Pause R1-Distill-Qwen-7B").setFocus()
    qtbot.keyClick(button(page, "Pause R1-Distill-Qwen-7B"), Qt.Key.Key_Return)
    assert page.focusWidget() is button(page, "Resume R1-Distill-Qwen-7B")


def test_a_quantization_can_only_be_cancelled(page: ModelsPage, jobs: StagedQueue) -> None:
    quantizing(jobs)
    button(page, "Cancel R1-Distill-Llama-8B")
    names = [b.accessibleName() for b in page.findChildren(QAbstractButton) if b.isVisible()]
    assert "Pause R1-Distill-Llama-8B" not in names


def test_cards_and_rows_are_read_out(page: ModelsPage, jobs: StagedQueue) -> None:
    job = downloading(jobs)
    card = page.discover.stack.cards[job.id]
    assert card.accessibleName() == "R1-Distill-Qwen-7B"
    assert "84 MB/s" in card.accessibleDescription()
    said = row(page, "R1-Distill-Qwen-14B").accessibleDescription()
    assert "MATH-500 93.9" in said
    assert "10.3 GB · 4-bit" in said


def test_a_failure_to_start_is_told(page: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    jobs.refuse(DiskFull("5.1 GB are needed, 3.1 GB are free.", "Free some space."))
    press(page, "Get R1-Distill-Qwen-7B", qtbot)
    assert page.notices.text == "5.1 GB are needed, 3.1 GB are free. Free some space."


def test_the_first_run_is_offered_the_best_that_fits(
    page: ModelsPage, here: list[Model], jobs: StagedQueue, qtbot: QtBot
) -> None:
    assert not first_offer(page)
    del here[1:]
    with qtbot.waitSignal(page.reading.listed):
        page.start()
    assert "is the best distilled model that fits this" in first_offer(page)
    title = first_offer(page).split(" is the best")[0]
    press(page, "Get the offered model", qtbot)
    assert jobs.asked[0][0] == title
    assert not first_offer(page)


# Search


def test_what_is_typed_before_the_catalog_is_read_filters_it(page: ModelsPage, qtbot: QtBot) -> None:
    page.toolbar.search.setText("https://huggingface.co/somebody/My-Reasoner-3B")
    with qtbot.waitSignal(page.reading.offered):
        page.reading.read_catalog()
    assert not page.discover.table.isVisible()
    assert page.discover.pasted is not None


def test_typing_filters_the_catalog_at_once(page: ModelsPage, qtbot: QtBot) -> None:
    everything = len(shown_rows(page))
    qtbot.keyClicks(page.toolbar.search, "qwen3 apache")
    assert 0 < len(shown_rows(page)) < everything
    assert all("Qwen3" in title for title in shown_rows(page))
    qtbot.keyClick(page.toolbar.search, Qt.Key.Key_Escape)
    assert len(shown_rows(page)) == everything


def search(page: ModelsPage, engine: FakeEngine, query: str, qtbot: QtBot) -> int:
    page.toolbar.search.clear()
    qtbot.keyClicks(page.toolbar.search, query)
    qtbot.keyClick(page.toolbar.search, Qt.Key.Key_Return)
    call = max(engine.requests)
    assert engine.requests[call] == Search(query=query)
    return call


def hub(repo: str, **values: object) -> events.HubModel:
    return events.HubModel(
        **{"repo": repo, "downloads": 812_334, "likes": 1, "licence": "mit", "gated": False, **values}
    )  # type: ignore[arg-type]


def test_return_searches_the_hub(page: ModelsPage, engine: FakeEngine, jobs: StagedQueue, qtbot: QtBot) -> None:
    call = search(page, engine, "maths", qtbot)
    assert page.discover.results.sentence == "Asking Hugging Face …"
    found = [hub("somebody/Maths-3B", params=3_000_000_000), hub("b/Gated-1B", gated=True)]
    engine.play(call, events.Done(result=events.Found(query="maths", models=found)))
    rows = page.discover.results.rows
    assert [row.title for row in rows] == ["somebody/Maths-3B", "b/Gated-1B"]
    assert rows[0].accessibleDescription() == "812,334 downloads · 3.0B weights · mit"
    assert "gated" in rows[1].accessibleDescription()
    press(page, "Get somebody/Maths-3B", qtbot)
    assert jobs.asked == [("Maths-3B", chains.get("somebody/Maths-3B", recipe="4bit"))]


def test_a_repository_of_the_hub_can_be_had_in_any_variant(
    page: ModelsPage, engine: FakeEngine, jobs: StagedQueue, qtbot: QtBot
) -> None:
    call = search(page, engine, "maths", qtbot)
    engine.play(call, events.Done(result=events.Found(query="maths", models=[hub("a/Maths-3B", params=3_000_000_000)])))
    press(page, "Variants of a/Maths-3B", qtbot)
    menu = open_menu(page)
    assert entry(menu, "8-bit").text() == "8-bit\tabout 3.2 GB"
    entry(menu, "The original, not quantized").trigger()
    menu.close()
    assert jobs.asked == [("Maths-3B", chains.get("a/Maths-3B"))]


def test_a_repository_of_the_hub_that_is_too_big_asks_too(
    page: ModelsPage, engine: FakeEngine, jobs: StagedQueue, qtbot: QtBot
) -> None:
    call = search(page, engine, "big", qtbot)
    found = [hub("a/Big-70B", params=70_000_000_000), hub("Qwen/QwQ-32B")]
    engine.play(call, events.Done(result=events.Found(query="big", models=found)))
    press(page, "Get a/Big-70B", qtbot)
    assert page.discover.results.rows[0].question.startswith("Its weights take about 39.4 GB")
    # what the catalog knows is asked with its figures
    press(page, "Get Qwen/QwQ-32B", qtbot)
    assert page.discover.results.rows[1].question.startswith("4-bit needs 21.0 GB")
    assert jobs.asked == []


def test_a_search_that_fails_says_so_in_place_and_can_be_tried_again(
    page: ModelsPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    call = search(page, engine, "maths", qtbot)
    engine.play(call, events.Failed(kind="offline", text="There is no network.", hint="What is here works without it."))
    assert page.discover.results.sentence == "There is no network. What is here works without it."
    press(page, "Search again", qtbot)
    assert max(engine.requests) > call
    assert page.discover.results.sentence == "Asking Hugging Face …"


def test_a_new_search_drops_the_one_before(page: ModelsPage, engine: FakeEngine, qtbot: QtBot) -> None:
    first = search(page, engine, "one", qtbot)
    second = search(page, engine, "two", qtbot)
    assert engine.cancelled == [first]
    engine.play(first, events.Done(result=events.Found(query="one", models=[hub("a/One")])))
    assert page.discover.results.rows == []
    engine.play(second, events.Done(result=events.Found(query="two", models=[])))
    assert page.discover.results.sentence == "Nothing on Hugging Face has these words."


def test_a_search_can_be_stopped(page: ModelsPage, engine: FakeEngine, qtbot: QtBot) -> None:
    call = search(page, engine, "slow", qtbot)
    press(page, "Stop searching", qtbot)
    assert engine.cancelled == [call]
    assert not page.discover.results.isVisible()


def test_a_pasted_repository_gets_a_row_of_its_own(
    page: ModelsPage, engine: FakeEngine, jobs: StagedQueue, qtbot: QtBot
) -> None:
    page.toolbar.search.setText("https://huggingface.co/somebody/My-Reasoner-3B")
    qtbot.keyClick(page.toolbar.search, Qt.Key.Key_Return)
    assert not any(isinstance(request, Search) for request in engine.requests.values())
    press(page, "Get somebody/My-Reasoner-3B", qtbot)
    assert jobs.asked == [("My-Reasoner-3B", chains.get("somebody/My-Reasoner-3B", recipe="4bit"))]
    page.toolbar.search.clear()
    assert page.discover.pasted is None


def test_a_pasted_repository_of_the_catalog_is_its_row(page: ModelsPage, qtbot: QtBot) -> None:
    page.toolbar.search.setText(f"https://huggingface.co/{QWEN_7B}")
    assert shown_rows(page) == ["R1-Distill-Qwen-7B"]
    assert page.discover.pasted is None


# On this Mac


@pytest.fixture
def library(page: ModelsPage, qtbot: QtBot) -> ModelsPage:
    press(page, "On this Mac", qtbot)
    return page


def test_sections_say_how_much_there_is(page: ModelsPage, jobs: StagedQueue) -> None:
    downloading(jobs)
    assert [b.text() for b in page.toolbar.sections.values()] == ["Discover", "On this Mac · 8", "Activity · 1"]


def test_return_chats_with_the_chosen_model(library: ModelsPage, qtbot: QtBot) -> None:
    view = library.library.view
    view.setFocus()
    view.choose("llama-8b-4bit")
    qtbot.keyClick(view, Qt.Key.Key_Down)
    with qtbot.waitSignal(library.chat_requested) as asked:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert asked.args == ["llama-8b-8bit", ""]


def test_an_adapter_is_chatted_with_on_its_base(library: ModelsPage, qtbot: QtBot) -> None:
    library.library.view.choose("sums-by-running-totals")
    with qtbot.waitSignal(library.chat_requested) as asked:
        press(library, "Chat with Sums by running totals", qtbot)
    assert asked.args == ["starter", "sums-by-running-totals"]


@pytest.mark.parametrize(
    ("name", "title", "wish"),
    [
        ("sums-by-running-totals", "Sums by running totals",
         EvaluationWish(model="starter", adapter="sums-by-running-totals", against="base")),
        ("llama-8b-mixed-4-6", "DeepSeek-R1-Distill-Llama-8B mixed 4/6-bit", EvaluationWish(model="llama-8b-mixed-4-6")),
    ],
)  # fmt: skip
def test_a_model_is_evaluated_alone_and_an_adapter_against_its_base(
    library: ModelsPage, qtbot: QtBot, name: str, title: str, wish: EvaluationWish
) -> None:
    library.library.view.choose(name)
    with qtbot.waitSignal(library.page_requested) as asked:
        press(library, f"Evaluate {title}", qtbot)
    page, subject = asked.args
    assert (page, read_wish(subject)) == ("Evaluate", wish)


def test_an_adapter_is_fused_or_exported(library: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    adapter = next(model for model in library.models if model.kind == "adapter")
    library.library.view.choose(adapter.name)
    press(library, f"Export {adapter.title}", qtbot)
    dialog = library.library.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit("/tmp/out.gguf")
    dialog.reject()
    assert jobs.asked == [("out.gguf", [Fuse(model=adapter.base, adapter=adapter.name, gguf="/tmp/out.gguf")])]
    jobs.change(1, state="done")
    press(library, f"Fuse {adapter.title}", qtbot)
    assert jobs.asked[-1] == (f"{adapter.base} + {adapter.name}", [Fuse(model=adapter.base, adapter=adapter.name)])


@pytest.mark.parametrize(
    ("chosen", "written"),
    [("R1-Distill-Qwen-1.5B-maths", "R1-Distill-Qwen-1.5B-maths.gguf"), ("a.gguf", "a.gguf"), ("a.GGUF", "a.GGUF")],
)
def test_a_name_with_dots_is_written_whole(
    library: ModelsPage, jobs: StagedQueue, qtbot: QtBot, chosen: str, written: str
) -> None:
    adapter = next(model for model in library.models if model.kind == "adapter")
    library.library.view.choose(adapter.name)
    press(library, f"Export {adapter.title}", qtbot)
    dialog = library.library.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(f"/tmp/{chosen}")
    dialog.reject()
    assert jobs.asked[0][0] == written


def test_an_adapter_is_exported_for_peft(library: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    adapter = next(model for model in library.models if model.kind == "adapter")
    library.library.view.choose(adapter.name)
    press(library, f"Export {adapter.title} for PEFT", qtbot)
    dialog = library.library.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit("/tmp/out-1.5B")
    dialog.reject()
    assert jobs.asked[0][1] == [ExportAdapter(name=adapter.name, path="/tmp/out-1.5B")]
    library.library.view.choose("llama-8b-4bit")
    assert library.library.panel.buttons["Share"].isHidden()


def test_which_model_an_imported_adapter_is_of_is_asked_for_where_it_is_not_found(
    library: ModelsPage, jobs: StagedQueue, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    library.import_path(str(tmp_path))
    jobs.change(1, state="failed", kind="not_found", error="It was trained on maker/base, which is not here.", hint="x")
    qtbot.waitUntil(lambda: library.notices.text == "It was trained on maker/base, which is not here.")
    menu = library.base_menu(str(tmp_path))
    assert "Sums by running totals" not in [action.text() for action in menu.actions()]
    next(action for action in menu.actions() if action.text() == "SmolLM2 135M Instruct").trigger()
    assert jobs.asked[-1][1] == [ImportModel(path=str(tmp_path), base="starter")]


def test_delete_hides_at_once_and_undo_brings_back(
    library: ModelsPage, deleted: list[str], removals: Deletions, qtbot: QtBot
) -> None:
    view = library.library.view
    view.choose("llama-8b-3bit")
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert library.notices.text == "DeepSeek-R1-Distill-Llama-8B 3-bit will be deleted when Stillroom quits: 3.6 GB."
    assert not library.library.model.row_of("llama-8b-3bit").isValid()
    assert library.toolbar.sections["library"].text() == "On this Mac · 7"
    assert view.current() is not None
    press(library, "Keep DeepSeek-R1-Distill-Llama-8B 3-bit", qtbot)
    assert library.library.model.row_of("llama-8b-3bit").isValid()
    assert deleted == []
    assert removals.pending() == set()


def test_the_space_can_be_freed_now(library: ModelsPage, deleted: list[str], removals: Deletions, qtbot: QtBot) -> None:
    library.library.view.choose("llama-8b-3bit")
    press(library, "Delete DeepSeek-R1-Distill-Llama-8B 3-bit", qtbot)
    with qtbot.waitSignal(removals.freed), qtbot.waitSignal(library.reading.listed):
        press(library, "Free the space of DeepSeek-R1-Distill-Llama-8B 3-bit now", qtbot)
    assert deleted == ["llama-8b-3bit"]
    assert library.notices.text == "DeepSeek-R1-Distill-Llama-8B 3-bit is deleted: 3.6 GB freed."
    assert not library.library.hidden.isVisible()


def test_commands_of_the_menu_delete_and_undo(library: ModelsPage, removals: Deletions) -> None:
    library.library.view.choose("starter")
    assert not library.can_delete()
    library.library.view.choose("half")
    assert library.can_delete()
    library.delete_chosen()
    assert removals.pending() == {"half"}
    assert library.can_undo()
    library.undo()
    assert not library.can_undo()
    assert library.notices.text == ""


def test_a_broken_model_says_why_and_can_be_repaired(library: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    library.library.view.choose("half")
    names = [b.accessibleName() for b in library.library.panel.findChildren(QAbstractButton) if b.isVisible()]
    assert "Chat with R1-Distill-Qwen-14B" not in names
    press(library, "Repair R1-Distill-Qwen-14B", qtbot)
    repo = "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"
    quantize = Quantize(model=repo, recipe="4bit", name="half", replace=True)
    assert jobs.asked == [("R1-Distill-Qwen-14B", [Fetch(repo=repo, recipe="4bit"), quantize])]


def test_a_model_is_measured_and_not_twice_at_once(library: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    library.library.view.choose("llama-8b-4bit")
    press(library, "Measure card of DeepSeek-R1-Distill-Llama-8B 4-bit", qtbot)
    assert jobs.asked == [("DeepSeek-R1-Distill-Llama-8B 4-bit", [MeasureCard(model="llama-8b-4bit")])]
    assert not button(library, "Measure card of DeepSeek-R1-Distill-Llama-8B 4-bit").isEnabled()


def test_a_model_is_quantized_anew_from_its_original(
    library: ModelsPage, jobs: StagedQueue, here: list[Model], qtbot: QtBot
) -> None:
    library.library.view.choose("llama-8b-4bit")
    press(library, "Quantize DeepSeek-R1-Distill-Llama-8B 4-bit", qtbot)
    menu = open_menu(library)
    entry(menu, "6-bit").trigger()
    menu.close()
    assert jobs.asked == [("DeepSeek-R1-Distill-Llama-8B", [Quantize(model=LLAMA_8B, recipe="6bit")])]
    here[:] = [found for found in here if found.kind != "original"]
    with qtbot.waitSignal(library.reading.listed):
        library.start()
    entry(library.library.quantize_menu("llama-8b-4bit"), "6-bit").trigger()
    revision = "6a6f4aa4197940add57724a7707d069478df56b1"
    assert jobs.asked[-1] == ("DeepSeek-R1-Distill-Llama-8B", chains.get(LLAMA_8B, revision, "6bit"))


def test_sorting_keeps_what_is_chosen(library: ModelsPage, qtbot: QtBot) -> None:
    library.library.view.choose("half")
    press(library, "Sort by size", qtbot)
    assert library.library.model.models[0].kind == "original"
    chosen = library.library.view.current()
    assert chosen is not None
    assert chosen.name == "half"


def test_cards_of_the_chosen_model_stand_side_by_side(library: ModelsPage) -> None:
    library.set_in_use("llama-8b-8bit")
    library.library.view.choose("llama-8b-4bit")
    rows = library.library.panel.cards.model.rows
    assert [row.name for row in rows if row.in_use] == ["llama-8b-8bit"]
    assert len(rows) == 5


def test_a_library_of_two_hundred_is_listed(library: ModelsPage, here: list[Model], qtbot: QtBot) -> None:
    here[:] = many(200)
    with qtbot.waitSignal(library.changed):
        library.start()
    assert library.library.model.rowCount() == 200
    assert library.library.totals.startswith("200 models · 900.0 GB")


def test_an_empty_library_says_what_to_do(library: ModelsPage, here: list[Model], qtbot: QtBot) -> None:
    here.clear()
    with qtbot.waitSignal(library.reading.listed):
        library.start()
    assert library.library.sentence == EMPTY
    assert not library.library.panel.isVisible()


def test_the_context_menu_offers_what_the_panel_offers(library: ModelsPage) -> None:
    library.library.view.choose("llama-8b-4bit")
    texts = [action.text() for action in library.library.model_menu("llama-8b-4bit").actions()]
    assert texts[:3] == ["Chat", "Quantize…", "Measure Quant Card"]
    assert texts[-1] == "Delete"


def test_a_library_that_cannot_be_read_is_told_and_tried_again(library: ModelsPage, qtbot: QtBot) -> None:
    reads: list[int] = []

    def fail() -> list[Model]:
        reads.append(1)
        raise DiskFull("The library can’t be read.")

    library.reading._list_models = fail
    with qtbot.waitSignal(library.reading.failed):
        library.start()
    assert library.notices.text == "The library can’t be read."
    with qtbot.waitSignal(library.reading.failed):
        library.notices._action.click()
    assert len(reads) == 2


@pytest.mark.parametrize("section", ["discover", "library", "activity"])
def test_the_page_fits_beside_the_sidebar_of_the_smallest_window(
    page: ModelsPage, jobs: StagedQueue, qtbot: QtBot, section: str
) -> None:
    downloading(jobs)
    jobs.put(title="Failed", state="failed", error="A long sentence on why. " * 12, ended="2025-11-24T09:00:00+00:00")
    page.show_section(section)
    page.library.view.choose("llama-8b-4bit")
    page.library.delete("llama-8b-3bit")
    page.resize(528, 450)
    qtbot.waitUntil(lambda: page.minimumSizeHint().height() <= 450)
    assert page.minimumSizeHint().width() <= 528
    assert (page.width(), page.height()) == (528, 450)


# Activity


def test_activity_lists_what_runs_first_and_how_the_rest_ended(
    page: ModelsPage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    failed = jobs.put(title="Failed", state="failed", error="No network.", ended="2025-11-24T09:00:00+00:00")
    jobs.put(title="Done", state="done", model="half", ended="2025-11-24T10:00:00+00:00")
    waits = downloading(jobs, "Waits", "a/waits", state="waiting")
    runs = downloading(jobs, "Runs", "a/runs")
    press(page, "Activity", qtbot)
    assert list(page.activity.under_way.cards) == [runs.id, waits.id]
    assert [card.job.title for card in page.activity.ended.cards.values()] == ["Done", "Failed"]
    with qtbot.waitSignal(page.chat_requested) as asked:
        press(page, "Chat with Done", qtbot)
    assert asked.args == ["half", ""]
    press(page, "Try Failed again", qtbot)
    assert jobs.job(failed.id).state == "waiting"
    press(page, "Clear finished", qtbot)
    assert [job.title for job in jobs.all()] == ["Failed", "Waits", "Runs"]
    assert page.activity.ended.cards == {}
    forgotten = jobs.put(title="Forgotten", state="done")
    assert list(page.activity.ended.cards) == [forgotten.id]
    jobs.forget(forgotten.id)  # on another page
    page.start()
    assert page.activity.ended.cards == {}


def test_hundreds_of_ended_jobs_are_counted_not_drawn(page: ModelsPage, jobs: StagedQueue) -> None:
    for n in range(300):
        jobs.put(title=f"Job {n}", state="done", ended=f"2025-11-24T10:00:{n % 60:02}")
    page.show_section("activity")
    assert len(page.activity.ended.cards) == 30


# Import


def drop(page: ModelsPage, *paths: str) -> bool:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    action, buttons, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 200), action, data, buttons, none)
    enter.ignore()
    QApplication.sendEvent(page, enter)
    if enter.isAccepted():
        QApplication.sendEvent(page, QDropEvent(QPointF(50, 200), action, data, buttons, none))
    return enter.isAccepted()


def test_gguf_files_and_folders_are_imported_when_dropped(
    page: ModelsPage, jobs: StagedQueue, tmp_path: object
) -> None:
    assert not drop(page, "/somewhere/notes.txt")
    assert jobs.asked == []
    assert drop(page, "/somewhere/model.GGUF", str(tmp_path), "/somewhere/notes.txt")
    assert [steps for _, steps in jobs.asked] == [
        [ImportModel(path="/somewhere/model.GGUF")],
        [ImportModel(path=str(tmp_path))],
    ]


def test_import_asks_for_a_file_or_a_folder(page: ModelsPage, jobs: StagedQueue, qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QFileDialog

    press(page, "Import", qtbot)
    menu = open_menu(page)
    assert [action.text() for action in menu.actions() if action.text()] == [
        "GGUF File…",
        "Model Folder…",
        "Keep Precision of GGUF Files",
    ]
    menu.close()
    page.import_file()
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit("/somewhere/model.gguf")
    dialog.close()
    assert jobs.asked == [("model.gguf", [ImportModel(path="/somewhere/model.gguf")])]


def test_the_precision_of_gguf_files_is_kept_once_it_is_switched_on(
    page: ModelsPage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    press(page, "Import", qtbot)
    menu = open_menu(page)
    assert not entry(menu, "Keep").isChecked()
    entry(menu, "Keep").trigger()
    menu.close()
    assert drop(page, "/somewhere/model.gguf")
    assert jobs.asked == [("model.gguf", [ImportModel(path="/somewhere/model.gguf", keep_precision=True)])]
    press(page, "Import", qtbot)
    assert entry(open_menu(page), "Keep").isChecked()
    open_menu(page).close()


def test_what_became_of_a_gguf_files_blocks_stands_with_the_model(
    library: ModelsPage, here: list[Model], qtbot: QtBot
) -> None:
    here.append(model("from-gguf", "Tiny", 0.5, source="/a/Tiny.gguf", requantized={"Q4_K": 4, "Q6_K": 6}))
    with qtbot.waitSignal(library.reading.listed):
        library.reading.read_library()
    library.library.view.choose("from-gguf")
    shown = [label.text() for label in library.library.findChildren(QLabel) if label.isVisible()]
    assert any("Tiny.gguf · Q4_K as 4-bit, Q6_K as 6-bit · " in text for text in shown)
