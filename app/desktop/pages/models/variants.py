"""The menu beside Get: every variant with what it takes, and what becomes of the original afterwards."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QAction, QActionGroup, QColor, QIcon, QKeyEvent, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.pages.models import offers
from app.desktop.widgets.drawing import fit_colour
from app.desktop.widgets.menus import add_choice
from app.desktop.widgets.plain import tip
from models import quantities, recipes
from models.library.catalog import Offer, Variant

FIT_WORDS = {"fits": "", "tight": " · tight", "too_big": " · too big"}


class VariantMenu(QMenu):
    """Entries that can be checked leave it open, so that one can choose what becomes of the original and go on."""

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        action = self.actionAt(event.position().toPoint())
        if not self._checked(action):
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if event.key() not in keys or not self._checked(self.activeAction()):
            super().keyPressEvent(event)

    def _checked(self, action: QAction | None) -> bool:
        if action is None or not action.isCheckable() or not action.isEnabled():
            return False
        action.trigger()
        return True


def offer_menu(
    offer: Offer, parent: QWidget, choose: Callable[[Variant], None], drop: bool, keep_drop: Callable[[bool], None]
) -> QMenu:
    """A menu of an offer's variants. drop: whether the original is deleted afterwards; keep_drop: told of a change."""
    menu = VariantMenu(parent)
    menu.setToolTipsVisible(True)
    quantized = [choice for choice in offer.choices if choice.recipe]
    for choice in quantized:
        _add_choice(menu, choice, choice == offer.recommended, choose)
    originals = [choice for choice in offer.choices if not choice.recipe]
    if quantized and originals:
        _add_fate(menu, drop, keep_drop, quantities.size(originals[0].size_bytes))
    for choice in originals:
        menu.addSeparator()
        _add_choice(menu, choice, choice == offer.recommended, choose)
    menu.aboutToHide.connect(menu.deleteLater)
    return menu


def recipe_menu(
    parent: QWidget,
    choose: Callable[[str], None],
    drop: bool,
    keep_drop: Callable[[bool], None],
    params: int = 0,
    originals: bool = True,
    itself: bool = True,
) -> QMenu:
    """The same where only the number of weights is known, if that. originals: whether what becomes of the original is
    asked; itself: whether it can be had as it is."""
    menu = VariantMenu(parent)
    for name in recipes.OFFERED:
        recipe = recipes.parse(name)
        about = f"\tabout {quantities.size(params * recipe.bits_per_weight() / 8)}" if params else ""
        _add(menu, f"{recipe.title}{about}", choose, name)
    if originals:
        _add_fate(menu, drop, keep_drop, f"about {quantities.size(params * 2)}" if params else "")
    if itself:
        menu.addSeparator()
        _add(menu, "The original, not quantized", choose, "")
    menu.aboutToHide.connect(menu.deleteLater)
    return menu


def _add_choice(menu: QMenu, choice: Variant, recommended: bool, choose: Callable[[Variant], None]) -> None:
    takes = f"{quantities.size(choice.size_bytes)} · needs {quantities.size(choice.needed_bytes)}"
    name = offers.choice_title(choice) + (" (recommended)" if recommended else "")
    action = menu.addAction(_dot(fit_colour(choice.state)), f"{name}\t{takes}{FIT_WORDS[choice.state]}")
    action.setToolTip(tip(choice.sentence))
    action.triggered.connect(lambda: choose(choice))


def _add(menu: QMenu, text: str, choose: Callable[[str], None], name: str) -> None:
    menu.addAction(text).triggered.connect(lambda: choose(name))


def _add_fate(menu: QMenu, drop: bool, keep_drop: Callable[[bool], None], size: str) -> None:
    menu.addSeparator()
    group = QActionGroup(menu)
    for text, value in ((f"Keep the original\t{size}", False), ("Delete the original afterwards", True)):
        group.addAction(add_choice(menu, text, value is drop, partial(keep_drop, value)))


def _dot(colour: str) -> QIcon:
    picture = QPixmap(32, 32)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(QRectF(8, 8, 16, 16))
    painter.end()
    picture.setDevicePixelRatio(2)
    return QIcon(picture)
