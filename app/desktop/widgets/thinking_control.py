"""How long the model may think: Off · Short · Medium · Long · No limit, and the exact number beside it.

A budget is a number of thinking tokens, 0 for off, None for no limit. The number is a field that can be typed into;
what is no number is answered with a sentence and changes nothing.
"""

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QLineEdit, QPushButton, QWidget

from app.desktop import icons
from app.desktop.theme import colours, restyle, theme
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.menus import fleeting_menu
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import tip
from models import budgets
from models.errors import BadInput

Budget = int | None

SEGMENTS: dict[str, Budget] = {preset.title: preset.tokens for preset in budgets.PRESETS}
NUMBERS: list[Budget] = [128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, None]
# Long enough not to take "5" for the whole of "512".
COMMIT_MS = 700


def said(budget: Budget) -> str:
    """A budget as the field shows it."""
    if budget is None:
        return "No limit"
    return f"{budget:,} token" + ("" if budget == 1 else "s")


def parsed(text: str) -> Budget:
    """Read what a person wrote as a budget: "2,048 tokens", "2048", "off", "no limit". Raises BadInput."""
    plain = text.strip().lower().removesuffix("s").removesuffix("token").strip()
    if plain in ("no limit", "∞"):
        return None
    try:
        return budgets.parse_budget("".join(c for c in plain if c not in " ,.'\u00a0\u202f"))
    except BadInput:
        raise BadInput("Thinking tokens is a whole number such as 2,048, 0 for off, or “no limit”.") from None


class BudgetField(QLineEdit):
    """The pill that shows the exact number and takes another.

    Signals:
        chosen: a budget, int or None.
        problem: one sentence on what was typed, empty when it is all right again.
    """

    chosen = Signal(object)
    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "budget", "Thinking tokens", "The most tokens the model may think: type a number")
        self.setProperty("wrong", False)
        self._budget: Budget = 2048
        self._showing = False
        self._timer = QTimer(self, singleShot=True, interval=COMMIT_MS)
        self._timer.timeout.connect(self.commit)
        self.textChanged.connect(self._text_changed)
        self.returnPressed.connect(self.commit)
        self._more = QAction("Common numbers", self)
        self._more.triggered.connect(self._show_numbers)
        self.addAction(self._more, QLineEdit.ActionPosition.TrailingPosition)
        theme.changed.connect(self._recolour)
        self._recolour()
        self.show_budget(2048)

    def show_budget(self, budget: Budget) -> None:
        """Show a budget without telling anyone. What is being typed stays when the budget is the one in force."""
        if self._timer.isActive() and budget == self._budget:
            return
        self._timer.stop()
        self._budget = budget
        self._showing = True
        self.setText(said(budget))
        self._showing = False
        self._mark("")

    def commit(self) -> None:
        """Take what is written, if it is a budget."""
        self._timer.stop()
        try:
            budget = parsed(self.text())
        except BadInput as error:
            self._mark(error.text)
            return
        self._mark("")
        if budget != self._budget:
            self._budget = budget
            self.chosen.emit(budget)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take what is written, or go back to what was in force."""
        super().focusOutEvent(event)
        self.commit()
        self.show_budget(self._budget)

    def _text_changed(self) -> None:
        self.setFixedWidth(self.fontMetrics().horizontalAdvance(self.text()) + 44)
        if not self._showing:
            self._timer.start()

    def _mark(self, sentence: str) -> None:
        wrong = bool(sentence)
        if self.property("wrong") != wrong:
            self.setProperty("wrong", wrong)
            restyle(self)
        self.problem.emit(sentence)

    def _show_numbers(self) -> None:
        menu = fleeting_menu(self)
        for budget in NUMBERS:
            action = menu.addAction(said(budget))
            action.triggered.connect(lambda _=False, b=budget: self._choose(b))
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 4)))

    def _choose(self, budget: Budget) -> None:
        self.show_budget(budget)
        self.chosen.emit(budget)

    def _recolour(self) -> None:
        self._more.setIcon(icons.icon("chevron", colours().thinking, 12))


class ThinkingControl(QWidget):
    """The segments and the number, always in agreement.

    Signals:
        budget_changed: the user chose a budget, int or None.
        problem: one sentence on a number that is none, empty when it is all right again.
    """

    budget_changed = Signal(object)
    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._budget: Budget = 2048
        self._label = label("Thinking", "muted", wraps=False)
        self._segments = named(QFrame(), "segments", "Thinking")
        self._segments.setFixedHeight(26)
        self._group = QButtonGroup(self)
        in_row(self._segments, *(self._segment(at, name, budget) for at, (name, budget) in enumerate(SEGMENTS.items())))
        self.field = BudgetField()
        self.field.chosen.connect(self._choose)
        self.field.problem.connect(self.problem)
        in_row(self, self._label, self._segments, self.field, spacing=12)
        self.set_budget(2048)

    @property
    def budget(self) -> Budget:
        return self._budget

    def set_budget(self, budget: Budget) -> None:
        """Show a budget without telling anyone."""
        self._budget = budget
        self.field.show_budget(budget)
        self._group.setExclusive(False)
        for button in self._group.buttons():
            button.setChecked(SEGMENTS[button.text()] == budget)
        self._group.setExclusive(budget in SEGMENTS.values())

    def commit(self) -> None:
        """Take a number that was typed and not yet confirmed."""
        if self.field.hasFocus() or self.field.text() != said(self._budget):
            self.field.commit()

    def _segment(self, number: int, name: str, budget: Budget) -> QPushButton:
        button = named(QPushButton(name), "segment", name)
        button.setCheckable(True)
        button.setToolTip("Answer without thinking" if budget == 0 else tip(f"Think for up to {said(budget)}"))
        if budget is None:
            button.setToolTip("Think for as long as the model wants")
        button.setProperty("last", number == len(SEGMENTS) - 1)
        button.clicked.connect(lambda: self._choose(budget))
        self._group.addButton(button, number)
        return button

    def _choose(self, budget: Budget) -> None:
        self.set_budget(budget)
        self.budget_changed.emit(budget)
