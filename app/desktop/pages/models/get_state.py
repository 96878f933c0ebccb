"""Where a repository stands on this disk: to be had, on its way, or there to chat with."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from app.desktop.pages.models.places import THIS_MACHINE
from app.desktop.widgets import job_words
from models import errors, recipes
from models.events import Model
from models.jobs.queue import Job


@dataclass(frozen=True)
class GetState:
    """What a row's button is. text: how far it is while busy; model: what a chat would be with; note: what is here."""

    kind: Literal["get", "busy", "chat"] = "get"
    text: str = ""
    model: str = ""
    note: str = ""


def state_of(repo: str, jobs: Iterable[Job], models: Iterable[Model], built_in: str = "") -> GetState:
    """The state of a repository. built_in: the name of a model that is always there."""
    job = next((job for job in jobs if job.subject == repo and not job_words.is_over(job)), None)
    if job is not None and job.doing in ("fetch", "quantize"):
        return GetState("busy", job_words.short(job))
    here = [model for model in models if model.state == "ready" and (model.repo == repo or model.name == built_in)]
    ours = [model for model in here if model.kind == "model"]
    if ours:
        best = max(ours, key=lambda model: (model.last_used, model.created))
        named = list(dict.fromkeys(variant(model) for model in ours))
        variants = ", ".join(named) if len(named) < 3 else f"{len(named)} variants"
        return GetState("chat", model=best.name, note=f"{variants} on {THIS_MACHINE}".strip())
    if any(model.kind == "original" for model in here):
        return GetState("get", note=f"the original is on {THIS_MACHINE}")
    return GetState()


def variant(model: Model) -> str:
    """How a model is quantized, in words: "mixed 4/6-bit", "4-bit", "16-bit"."""
    if model.recipe:
        try:
            return recipes.parse(model.recipe).title
        except errors.BadInput:
            return model.recipe
    return f"{round(model.bits)}-bit" if model.bits else ""
