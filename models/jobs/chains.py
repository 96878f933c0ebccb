"""Jobs of several steps: from "I want that one" to a model that can chat."""

from models import errors, recipes
from models.events import Model
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.quantize import Quantize
from models.jobs.request import JobRequest


def get(repo: str, revision: str = "main", recipe: str = "", drop_original: bool = False) -> list[JobRequest]:
    """Download a repository and, with a recipe, quantize it. Raises BadInput for what is no recipe."""
    fetch = Fetch(repo=repo, revision=revision, recipe=recipe)
    if not recipe:
        return [fetch]
    recipes.parse(recipe)
    return [fetch, Quantize(model=repo, recipe=recipe, drop_original=drop_original)]


def repair(model: Model) -> list[JobRequest]:
    """Make a broken model whole by downloading what is missing. Raises BadInput where that can't help."""
    if not model.repairable:
        raise errors.BadInput(f"{model.title} can't be repaired by downloading.", "Import or get it again.")
    fetch = Fetch(repo=model.repo, revision=model.revision or "main", recipe=model.recipe)
    if model.kind == "original":
        return [fetch]
    return [fetch, Quantize(model=model.repo, recipe=model.recipe, name=model.name, replace=True)]
