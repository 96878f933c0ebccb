"""Markdown to leaves, with markdown-it-py and rules of our own for formulas and tables.

Left out on purpose: raw HTML but for <br>, and images (shown as text), link definitions and underlined headings (they
would change what was shown long before), indented code (models indent for other reasons). Links go to http, https and
mailto only.
Tables have a rule of their own: cells are parsed only for the rows that are shown, and a bar within a formula or
within code parts no cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

from app.desktop.text import hostile
from app.desktop.text.addresses import addresses
from app.desktop.text.blocks import Code, Display, Inline, Leaf, Maths, Paragraph, Parsed, Place, Rule, Run, Table
from app.desktop.text.delimiters import ENVIRONMENTS, formula_at
from app.desktop.text.emphasis import bent
from app.desktop.text.scripts import reads_from_right

if TYPE_CHECKING:  # a window without messages starts without it
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

ROW_LIMIT = 200
CELL_LIMIT = 1000
COLUMN_LIMIT = 24
CELLS = 600
LINES_OF_FORMULA = 120
BRACKETS = 400

_LINK = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)
_BREAK = re.compile(r"<br *(?:/ *)?> *", re.IGNORECASE)
_DISPLAY_START = re.compile(rf"\$\$|\\\[|\\begin\{{(?:{ENVIRONMENTS})\*?\}}")
_DELIMITER_ROW = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_FORMULA = r"\\\((?:[^\\]|\\[^()])*\\\)|\\\[(?:[^\\]|\\[^\[\]])*\\\]"
_CELL_PARTS = re.compile(rf"({_FORMULA}|\\.|`[^`\n]+`|\$(?!\s)[^$\n]*?[^\s$]\$(?!\d)|\|)")


def parse(text: str, rows: int = ROW_LIMIT, inside: str = "") -> Parsed:
    """Leaves of a Markdown text that has been cleaned.

    rows: how many rows of a table to show; inside: as Parsed said of the text that this continues.
    """
    tokens = _parser().parse(hostile.limit_depth(text), {"rows": rows})
    lines = text.split("\n")
    walk = _Walk(inside)
    last_leaf = last_line = 0
    list_state: Literal["", "tight", "loose"] = ""
    for token in tokens:
        if token.level == 0 and token.map and token.nesting >= 0:
            last_leaf, last_line, list_state = len(walk.leaves), token.map[0], ""
            walk.begin(lines[last_line])
        if token.level == 1 and token.type == "list_item_open" and token.map:
            # The first item of a list is begun anew as the list is: only that knows the gap above it.
            list_state = walk.list_state if walk.has_items else ""
            last_leaf, last_line = len(walk.leaves), token.map[0]
        if token.type == "fence" and token.map:
            end = token.map[1] - 1
            token.meta["closed"] = end > token.map[0] and lines[end].strip(" \t>").startswith(token.markup)
        walk.take(token)
    offset = sum(len(line) + 1 for line in lines[:last_line])
    if not list_state:
        return Parsed(walk.leaves, last_leaf, offset)
    state = walk.list_state
    if not walk.from_right:
        return Parsed(walk.leaves, last_leaf, offset, state)
    return Parsed(walk.leaves, last_leaf, offset, "loose from right" if state == "loose" else "tight from right")


def warm_up() -> None:
    """Import what parses, which takes tens of milliseconds."""
    parse("*x*")


@lru_cache(maxsize=2)
def _parser(links: bool = True) -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import emphasis, strikethrough

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 100})
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline", "reference", "lheading", "code", "inline", "text_join"])
    if not links:
        parser.disable(["link", "image"])
    parser.validateLink = lambda url: bool(_LINK.match(url))  # type: ignore[method-assign]
    parser.inline.ruler.before("escape", "formula", _formula_rule)
    parser.inline.ruler.before("autolink", "break", _break_rule)
    parser.inline.ruler.at("emphasis", bent(emphasis.tokenize))
    parser.inline.ruler.at("strikethrough", bent(strikethrough.tokenize))
    parser.block.ruler.at("table", _table_rule, {"alt": ["paragraph"]})
    parser.block.ruler.before("fence", "formula", _display_rule, {"alt": ["paragraph", "blockquote", "list"]})
    return parser


# Rules


def _formula_rule(state: StateInline, silent: bool) -> bool:
    r"""Formulas within text. An opening \( or \[ that is not closed stays as it was written."""
    if state.src[state.pos] not in "$\\":
        return False
    found = formula_at(state.src, state.pos, state.posMax)
    if found is None:
        width = 2 if state.src.startswith((r"\(", r"\[", "$$"), state.pos) else 0
        if width and not silent:
            state.pending += state.src[state.pos : state.pos + width]
        state.pos += width
        return bool(width)
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = found.tex, state.src[state.pos : found.end]
        token.hidden = found.display
    state.pos = found.end
    return True


def _break_rule(state: StateInline, silent: bool) -> bool:
    """The one tag that models need: a cell of a table has no other way to a second line."""
    found = _BREAK.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.pending = state.pending.rstrip(" ")
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _display_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A formula that has its lines to itself; one that is still open is source, up to the end of the text."""
    begins = _DISPLAY_START.match(_line(state, start))
    if not begins or start < state.env.get("no_display_before", 0):
        return False
    closer = {"$$": "$$", "\\[": "\\]"}.get(begins[0], begins[0].replace("begin", "end"))
    lines: list[str] = []
    number = start
    while (
        number < min(end, start + LINES_OF_FORMULA)
        and not state.isEmpty(number)
        and state.sCount[number] >= state.blkIndent
    ):
        line = _line(state, number)
        lines.append(line)
        number += 1
        if closer in (line[begins.end() :] if len(lines) == 1 else line):
            source = "\n".join(lines)
            found = formula_at(source, 0, len(source))
            rest = source[found.end :].strip() if found else "?"
            fits = found is not None and rest in ("", ".", ",", ";", ":")
            return (
                found is not None
                and fits
                and _push_display(state, start, number, found.tex + rest, source.strip(), silent)
            )
    if number < state.lineMax:
        state.env["no_display_before"] = number  # or a text of openings alone would be searched over and over
        return False
    return _push_display(state, start, number, "", "\n".join(lines), silent)


def _push_display(state: StateBlock, start: int, after: int, tex: str, source: str, silent: bool) -> bool:
    if not silent:
        token = state.push("display", "", 0)
        token.content, token.markup, token.map = tex, source, [start, after]
        state.line = after
    return True


def _table_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table: a row, a row of dashes with as many cells, then rows until a line without a bar."""
    if start + 1 >= end or state.sCount[start + 1] < state.blkIndent:
        return False
    header, dashes = _line(state, start), _line(state, start + 1)
    if "|" not in header or "|" not in dashes or not _DELIMITER_ROW.fullmatch(dashes):
        return False
    columns = len(_cells(dashes))
    if len(_cells(header)) != columns or columns > COLUMN_LIMIT:
        return False
    number = start + 2
    while number < end and state.sCount[number] >= state.blkIndent and "|" in _line(state, number):
        number += 1
    if not silent:
        token = state.push("rows", "", 0)
        token.map = [start, number]
        rows = min(int(state.env["rows"]), max(20, CELLS * int(state.env["rows"]) // ROW_LIMIT // columns))
        shown = min(number, start + 2 + rows)
        token.meta = {"lines": [_line(state, n) for n in range(start, shown)], "more": number - shown}
        state.line = number
    return True


def _cells(row: str) -> list[str]:
    row = row.strip().removeprefix("|")
    row = row[:-1] if row.endswith("|") and not row.endswith("\\|") else row
    cells = [""]
    for part in _CELL_PARTS.split(row[: CELL_LIMIT * COLUMN_LIMIT]):
        if part == "|":
            cells.append("")
        else:
            cells[-1] += "|" if part == r"\|" else part
    return [cell.strip() for cell in cells]


# Tokens to leaves


class _Walk:
    """Builds leaves from tokens, keeping track of the lists and quotes they stand in."""

    def __init__(self, inside: str) -> None:
        self.leaves: list[Leaf] = []
        self.list_state: Literal["tight", "loose"] = "loose" if inside.startswith("loose") else "tight"
        self.from_right = inside.endswith("right")  # the top-level block is read so
        self.has_items = bool(inside)  # the top-level list has items already
        self._inside = bool(inside)
        self._containers = ""
        self._markers: list[tuple[int, str]] = []
        self._level = 0
        self._tight = False
        self._new_list = False  # a list of its own stands apart from what is above

    def begin(self, line: str) -> None:
        """Begin a top-level block: its first line says for all of it from where it is read."""
        if not self._inside:
            self.from_right = reads_from_right(line)

    def take(self, token: Token) -> None:
        match token.type:
            case "blockquote_open":
                self._containers += "q"
            case "bullet_list_open" | "ordered_list_open":
                self._open_list()
            case "list_item_open":
                self._open_item(token)
            case "blockquote_close" | "list_item_close":
                self._containers = self._containers[:-1]
                self._markers = [marker for marker in self._markers if marker[0] < len(self._containers)]
            case "heading_open":
                self._level = int(token.tag[1])
            case "paragraph_open":
                self._open_paragraph(token)
            case "inline":
                self._add_text(token.content)
            case "fence":
                self._add_code(token)
            case "display" if token.content:
                self.leaves.append(Display(token.content, token.markup, self._place()))
            case "display":
                self.leaves.append(Paragraph((Run(token.markup.replace("\n", "\u2028")),), place=self._place()))
            case "rows":
                self._add_table(token.meta)
            case "hr":
                self.leaves.append(Rule(self._place()))

    def _open_list(self) -> None:
        if not self._containers and not self._inside:
            self._new_list, self.list_state, self.has_items = True, "tight", False
        self._inside = False

    def _open_paragraph(self, token: Token) -> None:
        # markdown-it hides the paragraphs of tight lists; one item alone does not know what its list is.
        own = token.level == 2 and self._containers in ("l", "o", "O")
        if own and not token.hidden:
            self.list_state = "loose"
        self._level, self._tight = 0, token.hidden and not (own and self.list_state == "loose")

    def _open_item(self, token: Token) -> None:
        numbered = bool(token.info)
        depth = sum(container != "q" for container in self._containers)
        text = f"{token.info}{token.markup}" if numbered else "•◦▪"[min(depth, 2)]
        self._markers.append((len(self._containers), text))
        self.has_items = self.has_items or not self._containers
        self._containers += ("O" if len(token.info) > 2 else "o") if numbered else "l"

    def _place(self, tight: bool = False) -> Place:
        markers, self._markers = tuple(self._markers), []
        tight, self._new_list = tight and not self._new_list, False
        return Place(self._containers, markers, tight, self.from_right and bool(self._containers))

    def _add_text(self, content: str) -> None:
        for number, part in enumerate(hostile.pieces(content)):
            runs: list[Inline] = []
            for run in _inlines(part):
                if isinstance(run, Display):  # in the midst of text
                    self._end_paragraph(runs)
                    self.leaves.append(Display(run.tex, run.source, self._place(True)))
                else:
                    runs.append(run)
            self._end_paragraph(runs, number > 0)

    def _end_paragraph(self, runs: list[Inline], tight: bool = False) -> None:
        if any(isinstance(run, Maths) or run.text.strip() for run in runs):
            self.leaves.append(Paragraph(_trim(runs), self._level, self._place(tight or self._tight)))
        runs.clear()

    def _add_code(self, token: Token) -> None:
        language = hostile.show_hidden(re.split(r"[\s{,:]", token.info.strip(), maxsplit=1)[0][:24])
        text = hostile.wrap_lines(hostile.show_hidden(token.content.removesuffix("\n")))
        self.leaves.append(Code(text, language, bool(token.meta.get("closed")), self._place()))

    def _add_table(self, meta: dict[str, Any]) -> None:
        header, dashes, *rows = map(_cells, meta["lines"])
        aligns = "".join("c" if d[0] == d[-1] == ":" and len(d) > 1 else "r" if d[-1] == ":" else "l" for d in dashes)
        cells = tuple(tuple(map(_cell, (row + [""] * len(header))[: len(header)])) for row in rows)
        place = replace(self._place(), from_right=self.from_right)
        self.leaves.append(Table(tuple(map(_cell, header)), cells, aligns, meta["more"], place))


@lru_cache(maxsize=2048)
def _cell(text: str) -> tuple[Inline, ...]:
    text = text if len(text) <= CELL_LIMIT else text[:CELL_LIMIT] + "…"
    return _trim([Maths(run.tex, run.source) if isinstance(run, Display) else run for run in _inlines(text)])


def _trim(runs: list[Inline]) -> tuple[Inline, ...]:
    """Merge neighbours of the same look and strip the ends."""
    merged: list[Inline] = []
    for run in runs:
        last = merged[-1] if merged else None
        if isinstance(run, Run) and isinstance(last, Run) and _look(run) == _look(last):
            merged[-1] = Run(last.text + run.text, *_look(run))
        else:
            merged.append(run)
    for index, side in ((0, str.lstrip), (-1, str.rstrip)):
        if merged and isinstance(run := merged[index], Run) and not run.code:
            merged[index] = Run(side(run.text, " \u2028"), *_look(run))
    return tuple(run for run in merged if isinstance(run, Maths) or run.text)


def _look(run: Run) -> tuple[bool, bool, bool, bool, bool, str]:
    return run.bold, run.italic, run.struck, run.code, run.forced, run.href


def _inlines(text: str) -> Iterator[Run | Maths | Display]:
    """Runs of a paragraph, and formulas that want a line of their own."""
    tokens: list[Token] = []
    parser = _parser(links=text.count("[") < BRACKETS)  # looking for a link's end is quadratic
    parser.inline.parse(text.strip(), parser, {}, tokens)
    look = {"bold": 0, "italic": 0, "struck": 0}
    names = {"strong": "bold", "em": "italic", "s": "struck"}
    href = ""
    for token in tokens:
        kind, _, side = token.type.rpartition("_")
        if kind in names:
            look[names[kind]] += 1 if side == "open" else -1
        elif kind == "link":
            href = str(token.attrs.get("href", "")) if side == "open" else ""
        elif token.type == "formula":
            alone = token.hidden
            yield (
                Display(token.content, token.markup)
                if alone
                else Maths(token.content, token.markup, bool(look["bold"]))
            )
        elif written := _written(token):
            flags = {name: bool(count) for name, count in look.items()}
            code = token.type == "code_inline"
            yield from _linked(Run(written, code=code, href=href, **flags))


def _written(token: Token) -> str:
    match token.type:
        case "softbreak":
            return " "
        case "hardbreak":
            return "\u2028"
        case "code_inline":
            return hostile.show_hidden(token.content)
        case "image":
            return f"![{token.content}]({token.attrs.get('src', '')})"
        case _:
            return token.content


def _linked(run: Run) -> Iterator[Run]:
    """Addresses in plain text become links."""
    if run.code or run.href or "://" not in run.text:
        yield run
        return
    cuts = [0, *chain.from_iterable(addresses(run.text)), len(run.text)]
    for index, (start, end) in enumerate(pairwise(cuts)):
        if start < end:
            text = run.text[start:end]
            yield Run(text, run.bold, run.italic, run.struck, href=text if index % 2 else "")
