"""What stands behind and beside the text of a message: cards around code, bars beside quotes, list marks, rules.

Only blocks within the rectangle to be painted are looked at.
"""

from collections.abc import Iterator

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QTextBlock, QTextLine

from app.desktop import fonts
from app.desktop.text import text_style as props
from app.desktop.text.document import MessageDocument, fragments
from app.desktop.text.scripts import has_right_to_left
from app.desktop.text.text_style import CARD_HEADER, CARD_PADDING, INDENTS, MARGIN, TextStyle, indent_of

RADIUS = 7.0


def paint(painter: QPainter, document: MessageDocument, clip: QRectF) -> None:
    """Paint all that lies within clip, before the text is painted."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    look = document.look
    blocks = list(_visible(document, clip))
    for block, rect in blocks:
        form = block.blockFormat()
        if form.property(props.CARD) == props.CARD_TOP or (form.property(props.CARD) and block == blocks[0][0]):
            _card(painter, document, block, look)
        if containers := form.property(props.CONTAINERS):
            _bars(painter, document, block, rect)
        if markers := form.property(props.MARKERS):
            _markers(painter, document, block, rect, str(markers), str(containers))
        if form.property(props.RULED):
            _rule(painter, rect, document.textWidth() - form.rightMargin(), look)
        if not form.property(props.CARD):
            _inline_code(painter, block, rect, look)


def card_top(document: MessageDocument, first: QTextBlock) -> QRectF:
    """The header of the card around the code block that begins in a block."""
    top = document.documentLayout().blockBoundingRect(first).top() - CARD_HEADER - CARD_PADDING
    indent = indent_of(str(first.blockFormat().property(props.CONTAINERS) or ""))
    left = 0 if first.blockFormat().property(props.FROM_RIGHT) else indent
    return QRectF(left + 0.5, round(top) + 0.5, document.textWidth() - indent - 1, CARD_HEADER)


def card_rect(document: MessageDocument, first: QTextBlock) -> QRectF:
    """The card around the code block that begins in a block."""
    rect = card_top(document, first)
    last = document.findBlockByNumber(document.code_end(first.blockNumber()))
    bottom = document.documentLayout().blockBoundingRect(last).bottom() + CARD_PADDING
    rect.setHeight(round(bottom - rect.top()))
    return rect


def _visible(document: MessageDocument, clip: QRectF) -> Iterator[tuple[QTextBlock, QRectF]]:
    layout = document.documentLayout()
    position = max(layout.hitTest(QPointF(0, max(clip.top() - 1, 0)), Qt.HitTestAccuracy.FuzzyHit), 0)
    block = document.findBlock(position)
    if block.previous().isValid():
        block = block.previous()
    while block.isValid():
        rect = layout.blockBoundingRect(block)
        # A card's header and its padding lie outside of its lines.
        if rect.top() - CARD_HEADER - CARD_PADDING - MARGIN > clip.bottom():
            return
        yield block, rect
        block = block.next()


def _card(painter: QPainter, document: MessageDocument, block: QTextBlock, look: TextStyle) -> None:
    while block.blockFormat().property(props.CARD) == props.CARD_LINE and block.previous().isValid():
        block = block.previous()
    rect = card_rect(document, block)
    path = QPainterPath()
    path.addRoundedRect(rect, RADIUS, RADIUS)
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(look.colours.window))
    painter.drawPath(path)
    painter.setClipPath(path, Qt.ClipOperation.IntersectClip)
    painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), CARD_HEADER), QColor(look.colours.sidebar))
    painter.restore()
    painter.setPen(QPen(QColor(look.colours.line), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.setFont(fonts.text(11))
    painter.setPen(QColor(look.colours.muted))
    header = QRectF(rect.left() + 12, rect.top(), rect.width() - 100, CARD_HEADER)
    painter.drawText(header, Qt.AlignmentFlag.AlignVCenter, str(block.blockFormat().property(props.LANGUAGE) or "text"))


def _bars(painter: QPainter, document: MessageDocument, block: QTextBlock, rect: QRectF) -> None:
    """Bars beside a quote, from the block above on so that they are not broken between paragraphs."""
    containers, above, bottom = str(block.blockFormat().property(props.CONTAINERS)), "", rect.top()
    if block.previous().isValid():
        above = str(block.previous().blockFormat().property(props.CONTAINERS) or "")
        bottom = document.documentLayout().blockBoundingRect(block.previous()).bottom()
    x, width = 0.0, document.textWidth()
    from_right = bool(block.blockFormat().property(props.FROM_RIGHT))
    for depth, container in enumerate(containers):
        if container == "q":
            top = bottom if above[: depth + 1] == containers[: depth + 1] else rect.top() - 1
            left = width - x - 4 if from_right else x + 1
            painter.fillRect(QRectF(left, top, 3, rect.bottom() - top + 1), QColor(document.look.colours.line))
        x += INDENTS[container]


def _markers(
    painter: QPainter, document: MessageDocument, block: QTextBlock, rect: QRectF, markers: str, containers: str
) -> None:
    """Bullets and numbers, on the side where the list is read from."""
    look, from_right = document.look, bool(block.blockFormat().property(props.FROM_RIGHT))
    painter.setFont(look.font)
    painter.setPen(QColor(look.colours.muted))
    baseline = rect.top() + block.layout().lineAt(0).ascent() + block.layout().lineAt(0).y()
    if block.blockFormat().property(props.CARD):
        baseline -= CARD_HEADER + CARD_PADDING
    for marker in markers.split("\n"):
        at, _, text = marker.partition(" ")
        if from_right and text[-1] in ".)":
            text = f"{text[-1]}{text[:-1]}".replace(")", "(")  # as a line from the right shows it
        end = indent_of(containers[: int(at) + 1]) - (6 if text in "•◦▪" else 5)
        width = look.metrics.horizontalAdvance(text)
        near = max(end - width, indent_of(containers[: int(at)]))
        painter.drawText(QPointF(document.textWidth() - near - width if from_right else near, baseline), text)


def _rule(painter: QPainter, rect: QRectF, right: float, look: TextStyle) -> None:
    y = round(rect.center().y()) + 0.5
    painter.setPen(QPen(QColor(look.colours.line), 1))
    painter.drawLine(QPointF(rect.left(), y), QPointF(right, y))


def _inline_code(painter: QPainter, block: QTextBlock, rect: QRectF, look: TextStyle) -> None:
    """A rounded ground behind code within text, line by line."""
    for fragment in fragments(block):
        if not fragment.charFormat().property(props.INLINE_CODE):
            continue
        start = fragment.position() - block.position()
        _ground(painter, block, rect, start, start + fragment.length(), look)


def _ground(painter: QPainter, block: QTextBlock, rect: QRectF, start: int, end: int, look: TextStyle) -> None:
    layout = block.layout()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(look.colours.sunken))
    height = look.metrics.ascent() + look.metrics.descent()
    turned = has_right_to_left(block.text())
    for number in range(layout.lineCount()):
        line = layout.lineAt(number)
        first, last = max(start, line.textStart()), min(end, line.textStart() + line.textLength())
        if first < last:
            left, right = _edges(line, first, last, turned)
            top = rect.top() + line.y() + line.ascent() - look.metrics.ascent()
            painter.drawRoundedRect(QRectF(rect.left() + left - 2, top, right - left + 4, height), 4, 4)


def _edges(line: QTextLine, first: int, last: int, turned: bool) -> tuple[float, float]:
    """Where a part of a line begins and ends on the screen. turned: some of the line is read from the right."""
    if not turned:
        return _x(line, first), min(_x(line, last), line.x() + line.naturalTextWidth())
    # A cursor between two directions stands at the far end of one of them: only the glyphs know where they are.
    rects = [run.boundingRect() for run in line.glyphRuns(first, last - first)] or [QRectF(line.naturalTextRect())]
    return min(rect.left() for rect in rects), max(rect.right() for rect in rects)


def _x(line: QTextLine, position: int) -> float:
    x: object = line.cursorToX(position)
    return float(x[0] if isinstance(x, tuple) else x)  # type: ignore[arg-type]
