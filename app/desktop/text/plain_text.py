"""Text that is not Markdown, a user's message or a model's thoughts: lines as they are, with formulas in them."""

import re

from app.desktop.text import hostile
from app.desktop.text.blocks import Display, Inline, Leaf, Maths, Paragraph, Parsed, Place, Run
from app.desktop.text.delimiters import formula_at
from models import names

# Around text that the budget forced: private characters that `hostile.clean` takes out of everything else.
FORCED, FORCED_END = "\ue000", "\ue001"
_STARTS = re.compile(r"\$|\\[(\[]|\\begin\{|[\ue000\ue001]")


def parse_plain(text: str, _rows: int = 0, _inside: str = "") -> Parsed:
    """Leaves of plain text; a line is a paragraph, an empty line a gap."""
    leaves: list[Leaf] = []
    last_leaf = last_offset = offset = 0
    forced = False
    for block in re.split(r"(\n[ \t]*\n+)", text):
        if block.strip():
            if not forced:  # a mark must not be parted from its end
                last_leaf, last_offset = len(leaves), offset
            forced = _add_block(leaves, block, forced)
        offset += len(block)
    return Parsed(leaves, last_leaf, last_offset)


def _add_block(leaves: list[Leaf], block: str, forced: bool) -> bool:
    """Add the leaves of a part without empty lines. Returns whether it ends within forced text."""
    runs: list[Inline] = []
    first = len(leaves)

    def end_line() -> None:
        if runs:
            leaves.append(Paragraph(tuple(runs), place=Place(tight=len(leaves) > first)))
            runs.clear()

    def add(piece: str) -> None:
        for number, line in enumerate(piece.split("\n")):
            if number:
                end_line()
            for part in hostile.pieces(names.plain(line)):  # an attached program stands in it
                if sum(len(run.text) for run in runs if isinstance(run, Run)) + len(part) > hostile.LINE_LIMIT:
                    end_line()
                if part:
                    runs.append(Run(part, forced=forced))

    position = plain = 0
    while match := _STARTS.search(block, position):
        position = match.end()
        if match[0] in (FORCED, FORCED_END):
            add(block[plain : match.start()])
            plain, forced = position, match[0] == FORCED
        elif found := formula_at(block, match.start(), len(block)):
            add(block[plain : match.start()])
            source = block[match.start() : found.end]
            if found.display:
                end_line()
                leaves.append(Display(found.tex, source, Place(tight=len(leaves) > first)))
            else:
                runs.append(Maths(found.tex, source))
            plain = position = found.end
    add(block[plain:])
    end_line()
    return forced
