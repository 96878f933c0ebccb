"""Where a repository stands, and what an offer says."""

from app.desktop.pages.models import offers
from app.desktop.pages.models.downloads import recipe_for
from app.desktop.pages.models.get_state import GetState, state_of
from app.desktop.pages.models.hub_results import pasted_repo
from models.jobs.queue import Job
from models.library import catalog
from tests.app.desktop.pages.models.fakes import LLAMA_8B, MAC, QWEN_7B, library, model


def test_a_model_that_is_here_can_chat_with_the_variant_used_last() -> None:
    state = state_of(LLAMA_8B, [], library())
    assert state.kind == "chat"
    assert state.model == "llama-8b-mixed-4-6"
    assert state.note.startswith("4 variants on this ")


def test_a_job_under_way_counts_more_than_what_is_here() -> None:
    job = Job(id=1, title="x", subject=LLAMA_8B, state="running", doing="quantize")
    assert state_of(LLAMA_8B, [job], library()) == GetState("busy", "quantizing")


def test_a_job_that_ended_or_measures_leaves_the_button() -> None:
    ended = Job(id=1, title="x", subject=QWEN_7B, state="failed", doing="fetch")
    measures = Job(id=2, title="x", subject=QWEN_7B, state="running", doing="measure_card")
    assert state_of(QWEN_7B, [ended, measures], library()).kind == "get"


def test_an_original_alone_is_still_to_be_quantized() -> None:
    state = state_of(QWEN_7B, [], [model(QWEN_7B, QWEN_7B, 15.2, kind="original", repo=QWEN_7B)])
    assert state.kind == "get"
    assert state.note.startswith("the original is on this ")


def test_a_broken_model_is_not_offered_to_chat() -> None:
    assert state_of("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", [], library()).kind == "get"


def test_pasted_repositories_are_told_from_words() -> None:
    for text in (
        QWEN_7B, f" {QWEN_7B} ", f"https://huggingface.co/{QWEN_7B}", f"http://www.huggingface.co/{QWEN_7B}/",
        f"huggingface.co/{QWEN_7B}/tree/main", f"https://hf.co/{QWEN_7B}?library=mlx",
        f"https://huggingface.co/{QWEN_7B}/blob/main/config.json",
    ):  # fmt: skip
        assert pasted_repo(text) == QWEN_7B, text
    for text in (
        "qwen 7b",
        "qwen",
        "",
        "https://huggingface.co/datasets/a",
        "https://evil.example/a/b",
        "a/../b",
        "a/b/c",
        "huggingface.co/owner",
    ):
        assert pasted_repo(text) == "", text


def test_what_is_quantized_already_stays_as_it_is() -> None:
    assert recipe_for("mlx-community/Qwen3-4B-4bit") == ""
    assert recipe_for("a/B-mxfp4") == ""
    assert recipe_for(QWEN_7B) == "4bit"


def test_an_offer_says_base_licence_and_tag_and_the_published_score() -> None:
    offer = catalog.offer(next(entry for entry in catalog.entries() if entry.repo == QWEN_7B), MAC)
    assert offers.second_line(offer, "<think>") == "Qwen2.5-Math base · MIT · thinks in <think>"
    score = offers.score(offer)
    assert score is not None
    assert score.value == 92.8
    assert "arXiv" in offers.score_said(offer)


def test_the_first_offer_fits_with_ease_and_scores_best() -> None:
    found = catalog.offers(MAC)
    best = offers.best_that_fits(found)
    assert best is not None
    assert best.state == "fits"
    fitting = [offer for offer in found if offer.state == "fits" and offers.score(offer)]
    assert offers.score(best).value == max(offers.score(offer).value for offer in fitting)  # type: ignore[union-attr]
    assert offers.best_that_fits([]) is None
