"""From "I want that one" to a model that can chat, as the requests that lead there, one after the other."""

from models import errors, recipes
from models.events import Model
from models.requests import (
    AddTraces,
    ExportTraces,
    Fetch,
    Finetune,
    Fuse,
    ImportModel,
    Job,
    MeasureCard,
    PublishCheckpoint,
    Quantize,
)


def get(repo: str, revision: str = "main", recipe: str = "", drop_original: bool = False) -> list[Job]:
    """Download a repository and, with a recipe, quantize it. Raises BadInput for what is no recipe."""
    fetch = Fetch(repo=repo, revision=revision, recipe=recipe)
    if not recipe:
        return [fetch]
    recipes.parse(recipe)
    return [fetch, Quantize(model=repo, recipe=recipe, drop_original=drop_original)]


def repair(model: Model) -> list[Job]:
    """Make a broken model whole by downloading what is missing. Raises BadInput where that can't help."""
    if not model.repairable:
        raise errors.BadInput(f"{model.title} can't be repaired by downloading.", "ImportModel or get it again.")
    fetch = Fetch(repo=model.repo, revision=model.revision or "main", recipe=model.recipe)
    if model.kind == "original":
        return [fetch]
    return [fetch, Quantize(model=model.repo, recipe=model.recipe, name=model.name, replace=True)]


def words(step: Job) -> str:
    """What a step does, as in "then quantize to 4-bit"."""
    match step:
        case Fetch():
            return "download"
        case Quantize(recipe=recipe):
            return f"quantize to {recipes.parse(recipe).title}"
        case ImportModel():
            return "import"
        case MeasureCard():
            return "measure its quant card"
        case AddTraces():
            return "read the traces"
        case ExportTraces():
            return "write the traces"
        case Finetune():
            return "fine-tune"
        case PublishCheckpoint():
            return "keep what it learned"
        case Fuse():
            return "fuse"
        case _:
            return "search"
