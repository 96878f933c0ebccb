"""Which help pages there are: the Markdown files of resources/help."""

from pathlib import Path

from models import paths


def help_pages() -> list[tuple[str, Path]]:
    """Title and file of every help page, in the order of their file names."""
    files = sorted((paths.resources() / "help").glob("*.md"))
    return [(title_of(file), file) for file in files]


def title_of(file: Path) -> str:
    """The heading a page begins with."""
    with file.open(encoding="utf-8") as page:
        first = page.readline()
    return first.removeprefix("#").strip() or file.stem
