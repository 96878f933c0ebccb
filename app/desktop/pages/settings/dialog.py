"""Settings: appearance, how long models think in a new chat, and the Hub's token. What is changed holds at once."""

from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QFormLayout, QWidget

from app.desktop.services.preferences import Preferences
from app.desktop.theme import Scheme, theme
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from app.desktop.widgets.thinking_control import BudgetField
from app.desktop.widgets.token_field import TokenField
from models import paths
from models.settings import budget_of, tokens_of

SCHEMES: dict[str, Scheme] = {"As the system": "system", "Light": "light", "Dark": "dark"}


class SettingsDialog(QDialog):
    """The settings a person changes; the rest is where it is used."""

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(440)
        self._preferences = preferences
        current = preferences.current
        self.scheme = named(QComboBox(), name="Appearance")
        self.scheme.addItems(list(SCHEMES))
        self.scheme.setCurrentIndex(list(SCHEMES.values()).index(current.theme))
        self.scheme.currentTextChanged.connect(self._choose_scheme)
        self.budget = named(BudgetField(), name="Thinking tokens of new chats")
        self.budget.show_budget(budget_of(current.think))
        self.budget.chosen.connect(self._choose_budget)
        self._problem = named(Label(), "fault")
        self._problem.setWordWrap(True)
        self.budget.problem.connect(self._problem.setText)
        self.calm = QCheckBox("Less hesitation (“Wait”, “Hmm”, “Alternatively”)")
        self.calm.setChecked(current.calm)
        self.calm.toggled.connect(lambda on: preferences.change(calm=on))
        self.token = TokenField()
        self.token.problem.connect(self._problem.setText)
        where = named(Label(f"Everything Stillroom keeps is in {paths.home()}."), "small")
        where.setWordWrap(True)
        form = QFormLayout()
        form.setVerticalSpacing(12)
        form.addRow("Appearance", self.scheme)
        form.addRow("New chats think up to", self.budget)
        form.addRow("Calm thinking", self.calm)
        form.addRow("Hugging Face token", self.token)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        in_column(self, form, self._problem, where, buttons, margins=(20, 20, 20, 16), spacing=12)

    def _choose_scheme(self, name: str) -> None:
        self._preferences.change(theme=SCHEMES[name])
        theme.follow(SCHEMES[name])

    def _choose_budget(self, budget: int | None) -> None:
        self._preferences.change(think=tokens_of(budget))
