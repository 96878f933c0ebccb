"""A selection of a message as Markdown and LaTeX, so that what is copied can be pasted where it means the same."""

from PySide6.QtGui import QTextBlock, QTextCharFormat, QTextCursor, QTextDocument, QTextFragment, QTextTable

from app.desktop import fonts
from app.desktop.text import text_style as props
from app.desktop.text.document import fragments
from app.desktop.text.tables import is_from_right


def selected_markdown(cursor: QTextCursor) -> str:
    """The selection; within one code block or one line of text as it is, otherwise with its marks."""
    document, start, end = cursor.document(), cursor.selectionStart(), cursor.selectionEnd()
    blocks = _blocks(document, start, end)
    if len({_card_start(block) for block in blocks}) == 1 and _is_code(blocks[0]):
        return "\n".join(_plain(block, start, end) for block in blocks)
    lines: list[str] = []
    cells: list[str] = []
    for index, block in enumerate(blocks):
        after = blocks[index + 1] if index + 1 < len(blocks) else None
        table: QTextTable | None = QTextCursor(block).currentTable()
        if table is not None:
            cell = table.cellAt(block.position())
            shown = _text(block, start, end, plain_bold=cell.row() == 0)
            cells.append(shown.replace("|", "\\|").replace("  \n", "<br>"))
            if cell.column() == table.columns() - 1 or after is None:
                lines.append(f"| {' | '.join(reversed(cells) if is_from_right(table) else cells)} |")
                lines.extend(["|" + " --- |" * len(cells)] if cell.row() == 0 else [])
                cells = []
            continue
        lines.extend(_lines(block, after, start, end, whole=len(blocks) > 1))
    return "\n".join(lines).strip("\n")


def code_of(block: QTextBlock) -> str:
    """The text of the code block that begins in a block: exactly what is shown."""
    lines = [block.text()]
    block = block.next()
    while block.isValid() and block.blockFormat().property(props.CARD) == props.CARD_LINE:
        lines.append(block.text())
        block = block.next()
    return "\n".join(lines)


def _lines(block: QTextBlock, after: QTextBlock | None, start: int, end: int, whole: bool) -> list[str]:
    """A block that is no cell, as lines of Markdown with an empty one before it where that parts paragraphs."""
    form = block.blockFormat()
    if _is_code(block):
        opens = form.property(props.CARD) == props.CARD_TOP
        closes = after is None or not _is_code(after) or after.blockFormat().property(props.CARD) == props.CARD_TOP
        fence = [f"\n```{form.property(props.LANGUAGE) or ''}"] if opens else []
        return [*fence, _plain(block, start, end), *(["```"] if closes else [])]
    if form.property(props.RULED):
        return ["\n---"]
    text = _text(block, start, end)
    if not whole:
        return [text]
    prefix = "".join("> " if container == "q" else "   " for container in str(form.property(props.CONTAINERS) or ""))
    if markers := str(form.property(props.MARKERS) or ""):
        mark = markers.rpartition("\n")[2].partition(" ")[2]
        prefix = prefix[:-3] + ("- " if mark in "•◦▪" else f"{mark} ")
    level = form.headingLevel()
    gap = "\n" if form.topMargin() > 5 else ""
    return [gap + prefix + "#" * level + " " * bool(level) + text]


def _is_code(block: QTextBlock) -> bool:
    return bool(block.blockFormat().property(props.CARD))


def _card_start(block: QTextBlock) -> int:
    while block.blockFormat().property(props.CARD) == props.CARD_LINE:
        block = block.previous()
    return block.blockNumber()


def _blocks(document: QTextDocument, start: int, end: int) -> list[QTextBlock]:
    block, last = document.findBlock(start), document.findBlock(end)
    blocks = [block]
    while block != last and block.isValid():
        block = block.next()
        blocks.append(block)
    return blocks


def _plain(block: QTextBlock, start: int, end: int) -> str:
    return _cut(block.text(), block.position(), start, end)


def _cut(text: str, at: int, start: int, end: int) -> str:
    """The part of a text at a position that lies within the selection, counted in UTF-16."""
    wide = text.encode("utf-16-le", "surrogatepass")
    return wide[2 * max(start - at, 0) : 2 * max(end - at, 0)].decode("utf-16-le", "replace")


def _text(block: QTextBlock, start: int, end: int, plain_bold: bool = False) -> str:
    """The selected part of a block. plain_bold: its text is bold because of where it stands, as in headings."""
    plain_bold = plain_bold or bool(block.blockFormat().headingLevel())
    parts = [_fragment(fragment, start, end, plain_bold) for fragment in fragments(block)]
    return "".join(parts).replace("\u2028", "  \n")


def _fragment(fragment: QTextFragment, start: int, end: int, plain_bold: bool) -> str:
    form = fragment.charFormat()
    text = _cut(fragment.text(), fragment.position(), start, end)
    if form.objectType() == props.FORMULA:
        return str(form.property(props.FORMULA_SOURCE)) * len(text)
    return _marked(text, form, plain_bold) if text.strip() else text


def _marked(text: str, form: QTextCharFormat, plain_bold: bool) -> str:
    """Text with the marks of its look; spaces at its ends stay outside of them."""
    inner = text.strip()
    before, after = text[: text.index(inner)], text[text.index(inner) + len(inner) :]
    if form.property(props.INLINE_CODE) and not inner.startswith(("$", "\\")):
        inner = f"`{inner}`"
    if form.fontStrikeOut():
        inner = f"~~{inner}~~"
    if form.fontItalic():
        inner = f"*{inner}*"
    if form.fontWeight() == fonts.BOLD and not plain_bold:
        inner = f"**{inner}**"
    if form.isAnchor() and form.anchorHref() != inner:
        inner = f"[{inner}]({form.anchorHref()})"
    return before + inner + after
