"""Formulas as characters of a QTextDocument: measured and painted on the baseline of the line they stand in.

QTextDocument puts an inline object's bottom on the baseline. A formula that hangs no lower than the font does may
paint over it; one that does asks to be set in the middle of the line, in a box padded so that Qt's rule for the
middle (ascent - descent = half the x-height) leaves room above and below; it is painted on the line's own baseline.
"""

from collections.abc import Callable

from PySide6.QtCore import QRect, QRectF, QSizeF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPyTextObject, QTextCharFormat, QTextDocument, QTextFormat

from app.desktop import fonts
from app.desktop.text import text_style as props
from app.desktop.text.mathematics import Formula, is_known, typeset


def formula_format(tex: str, source: str, px: float, display: bool) -> QTextCharFormat:
    """The format of the character that stands for a formula. px: size of the text around it."""
    form = QTextCharFormat()
    form.setObjectType(props.FORMULA)
    form.setFont(fonts.text(round(px)))
    form.setProperty(props.TEX, tex)
    form.setProperty(props.FORMULA_SOURCE, source)
    form.setProperty(props.DISPLAY, display)
    form.setProperty(props.SIZE, px)
    if is_known(tex, display):
        align(form)
    return form


def align(form: QTextCharFormat) -> None:
    """Choose how a formula that is typeset stands in its line."""
    form.setProperty(props.TYPESET, True)
    formula = typeset(form.property(props.TEX), form.property(props.DISPLAY))
    if formula and not form.property(props.DISPLAY) and _hangs(formula, form):
        form.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)


def _scale(form: QTextFormat) -> float:
    return float(form.property(props.SIZE)) * props.MATHS_SCALE


def _hangs(formula: Formula, form: QTextCharFormat) -> bool:
    return formula.descent * _scale(form) > QFontMetricsF(form.font()).descent() + 1


class FormulaObject(QPyTextObject):
    """Measures and paints the formulas of one document.

    ink: gives the colour to paint in; want: asks for the formula at a position, which is not typeset yet.
    """

    def __init__(self, document: QTextDocument, ink: Callable[[], QColor], want: Callable[[int], None]) -> None:
        super().__init__(document)
        self._document = document
        self._ink = ink
        self._want = want

    def intrinsicSize(self, doc: QTextDocument, position: int, form: QTextFormat) -> QSizeF:
        form = form.toCharFormat()
        tex, display, px = form.property(props.TEX), form.property(props.DISPLAY), _scale(form)
        if not is_known(tex, display):
            return _guess(tex, display, px)
        formula = typeset(tex, display)
        if formula is None:
            return QSizeF(1, 1)
        px *= self._shrink(formula, position, px)
        ascent, descent = formula.ascent * px, formula.descent * px
        if display:
            return QSizeF(formula.width * px, ascent + descent + 2)
        metrics = QFontMetricsF(form.font())
        if form.verticalAlignment() == QTextCharFormat.VerticalAlignment.AlignMiddle:
            half = metrics.xHeight() / 2
            return QSizeF(formula.width * px, max(2 * ascent - half, 2 * descent + half))
        return QSizeF(formula.width * px, max(ascent, metrics.ascent()))

    def drawObject(
        self, painter: QPainter, rect: QRectF | QRect, doc: QTextDocument, position: int, form: QTextFormat
    ) -> None:
        """Paint a formula; one that is not typeset yet is asked for."""
        form = form.toCharFormat()
        tex, display, px = form.property(props.TEX), form.property(props.DISPLAY), _scale(form)
        formula = typeset(tex, display) if is_known(tex, display) else None
        if not form.property(props.TYPESET) or formula is None:
            self._want(position)
            return
        px *= self._shrink(formula, position, px)
        baseline = rect.y() + 1 + formula.ascent * px if display else self._baseline(position)
        formula.paint(painter, rect.x(), baseline, px, self._ink())

    def _shrink(self, formula: Formula, position: int, px: float) -> float:
        """By how much a formula wider than the text must shrink."""
        room = self._document.textWidth()
        if room <= 0:
            return 1.0
        if formula.width * px <= room - 120:
            return 1.0  # the common case, without looking for its block
        form = self._document.findBlock(position).blockFormat()
        room -= form.leftMargin() + form.rightMargin() + 2
        return min(1.0, max(room, 40.0) / (formula.width * px))

    def _baseline(self, position: int) -> float:
        block = self._document.findBlock(position)
        line = block.layout().lineForTextPosition(position - block.position())
        return self._document.documentLayout().blockBoundingRect(block).top() + line.y() + line.ascent()


def _guess(tex: str, display: bool, px: float) -> QSizeF:
    """Room for a formula that is not typeset yet, so that little moves when it is."""
    letters = sum(char not in "{}^_ \\&" for char in tex)
    lines = 1 + tex.count(r"\\")
    tall = r"\frac" in tex or r"\sum" in tex or r"\int" in tex or r"\begin" in tex
    height = (1.9 if tall and display else 1.25 if tall else 0.85) * lines
    return QSizeF(max(0.5 * letters / lines, 0.5) * px, height * px)
