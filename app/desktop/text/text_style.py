"""How the leaves of a message look: fonts, margins and the properties by which blocks are painted.

What QTextDocument cannot draw (cards around code, bars beside quotes, list marks, rounded inline code) the view
paints itself; blocks and characters say what by the user properties named here.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QTextBlockFormat, QTextCharFormat, QTextFormat

from app.desktop import fonts
from app.desktop.palette import Colours
from app.desktop.text.blocks import Display, Inline, Leaf, Paragraph, Place, Rule, Run
from app.desktop.text.scripts import has_right_to_left, reads_from_right

_FIRST = int(QTextFormat.Property.UserProperty.value)
CONTAINERS, MARKERS, CARD, LANGUAGE, RULED, LEVEL, SOURCE, FROM_RIGHT = range(_FIRST + 1, _FIRST + 9)
INLINE_CODE, TEX, FORMULA_SOURCE, DISPLAY, SIZE, TYPESET = range(_FIRST + 10, _FIRST + 16)
CARD_TOP, CARD_LINE = 1, 2
FORMULA = int(QTextFormat.ObjectTypes.UserObject.value) + 1

INDENTS = {"q": 15, "l": 20, "o": 24, "O": 34}
MARGIN = 11
CARD_HEADER = 28
CARD_PADDING = 11
CARD_INDENT = 12
MATHS_SCALE = 1.14
HEADINGS = {1: 1.54, 2: 1.31, 3: 1.15}


_SIDE = {
    False: Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute,
    True: Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute,
}


def direction(runs: tuple[Inline, ...]) -> Qt.LayoutDirection:
    """From where a block's text is read. Qt goes by its first letter, which may be one of code."""
    texts = [run for run in runs if isinstance(run, Run)]
    if not any(has_right_to_left(run.text) for run in texts):
        return Qt.LayoutDirection.LayoutDirectionAuto
    right = reads_from_right("".join(run.text for run in texts if not run.code))
    return Qt.LayoutDirection.RightToLeft if right else Qt.LayoutDirection.LeftToRight


def indent_of(containers: str) -> int:
    """How far lists and quotes push their contents to the right, in px."""
    return sum(INDENTS[container] for container in containers)


@dataclass(frozen=True)
class TextStyle:
    """Look of a message. px: size of its text; muted: set in the secondary colour, as thoughts are."""

    colours: Colours
    px: int = fonts.TEXT_PX
    muted: bool = False

    @cached_property
    def font(self) -> QFont:
        """The font of running text."""
        return fonts.text(self.px)

    @cached_property
    def metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self.font)

    @cached_property
    def ink(self) -> QColor:
        """The colour of text and formulas."""
        return QColor(self.colours.muted if self.muted else self.colours.text)

    @cached_property
    def code(self) -> QTextCharFormat:
        """Characters of a code block."""
        form = QTextCharFormat()
        form.setFont(fonts.code(self.px - 1))
        return form

    @property
    def leading(self) -> float:
        """Room between lines, in px."""
        return round(self.px * 0.38)

    def run(self, run: Run, level: int = 0) -> QTextCharFormat:
        form = self._heading(level)
        if run.bold:
            form.setFontWeight(fonts.BOLD)
        if run.italic:
            form.setFontItalic(True)
        if run.struck:
            form.setFontStrikeOut(True)
        if run.code:
            form.setFont(fonts.code(self.px - 1))
            form.setProperty(INLINE_CODE, True)
        if run.forced:
            form.setFontItalic(True)
            form.setForeground(QColor(self.colours.accent))
        if run.href:
            form.setAnchor(True)
            form.setAnchorHref(run.href)
            form.setForeground(QColor(self.colours.accent))
            form.setFontUnderline(True)
        return form

    def source(self, level: int = 0) -> QTextCharFormat:
        """A formula that cannot be drawn, shown as it was written."""
        return self.run(Run("", code=True), level)

    def _heading(self, level: int) -> QTextCharFormat:
        form = QTextCharFormat()
        if level:
            form.setFont(fonts.text(self.heading_px(level), fonts.BOLD))
        return form

    def heading_px(self, level: int) -> int:
        """Size of a heading's text; of running text for level 0."""
        return round(self.px * HEADINGS.get(level, 1.0))

    def block(self, leaf: Leaf, before: Leaf | None) -> QTextBlockFormat:
        """The block of a paragraph, formula or rule that follows another leaf."""
        form = self.placed(leaf.place)
        form.setTopMargin(self._gap(leaf, before))
        if isinstance(leaf, Paragraph):
            form.setLineHeight(self.leading, int(QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value))
            form.setHeadingLevel(leaf.level)
            form.setProperty(LEVEL, leaf.level)
            form.setLayoutDirection(direction(leaf.runs))
        if isinstance(leaf, Display):
            form.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        if isinstance(leaf, Rule):
            form.setProperty(RULED, True)
        return form

    def placed(self, place: Place) -> QTextBlockFormat:
        """A block indented by its lists and quotes, with what stands before it."""
        form = QTextBlockFormat()
        if place.containers:
            set_indent = form.setRightMargin if place.from_right else form.setLeftMargin
            set_indent(indent_of(place.containers))
            form.setAlignment(_SIDE[place.from_right])
            form.setProperty(CONTAINERS, place.containers)
            form.setProperty(FROM_RIGHT, place.from_right)
        if place.markers:
            form.setProperty(MARKERS, "\n".join(f"{at} {text}" for at, text in place.markers))
        return form

    def code_line(self, place: Place, language: str | None) -> QTextBlockFormat:
        """A line of a code block; language for the first line, None for others."""
        form = self.placed(place if language is not None else replace(place, markers=()))
        form.setLeftMargin(form.leftMargin() + CARD_INDENT)
        form.setRightMargin(form.rightMargin() + CARD_INDENT)
        form.setAlignment(_SIDE[False])
        form.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        form.setLineHeight(round(self.px * 0.3), int(QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value))
        form.setProperty(CARD, CARD_LINE if language is None else CARD_TOP)
        if language is not None:
            form.setProperty(LANGUAGE, language)
            form.setTopMargin(MARGIN + CARD_HEADER + CARD_PADDING)
        return form

    def _gap(self, leaf: Leaf, before: Leaf | None) -> float:
        if before is None:
            return 0.0
        if isinstance(leaf, Paragraph) and leaf.level:
            return MARGIN * (1.7 if leaf.level < 3 else 1.4)
        if isinstance(before, Paragraph) and before.level:
            return 6.0
        if isinstance(before, Display):
            return MARGIN + (4 if isinstance(leaf, Paragraph) else 0)
        if isinstance(leaf, Display):
            return MARGIN
        if leaf.place.tight:
            return 4.0 if leaf.place.containers else 0.0
        return MARGIN
