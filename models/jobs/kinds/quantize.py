"""Make a quantized copy of a model."""

import shutil
from collections.abc import Generator

from models import paths, recipes
from models.events import Event, Model
from models.jobs.request import JobRequest


class Quantize(JobRequest, frozen=True, kw_only=True, tag="quantize"):
    """Make a quantized copy in the library."""

    model: str  # a name of the library, a repository of the cache, or a folder
    recipe: str  # as models/recipes.py reads it
    group_size: int | None = None  # weights that share a scale; None for the recipe's own
    name: str | None = None  # made from the original's when None
    replace: bool = False  # it may take the place of a model of that name
    card: bool = True  # measure its quant card too
    drop_original: bool = False  # delete the repository from the cache when all is done

    doing = "quantizing"
    makes = "model"

    def work(self) -> Generator[Event, None, Model]:
        from models.quant.quantize import quantize

        return quantize(
            self.model,
            self.recipe,
            group_size=self.group_size,
            name=self.name,
            replace=self.replace,
            card=self.card,
            drop_original=self.drop_original,
        )

    def subject(self) -> str:
        return self.model

    def words(self) -> str:
        return f"quantize to {self.recipe_title()}"

    def recipe_title(self) -> str:
        """Its recipe as a person reads it. Raises BadInput for what is none."""
        return recipes.parse(self.recipe).title

    def discard(self) -> None:
        """Forget what a learned recipe has learned so far; one such job runs at a time."""
        if recipes.parse(self.recipe).learned:
            shutil.rmtree(paths.learned_folder(), ignore_errors=True)
