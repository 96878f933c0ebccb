"""What happens when Get is pressed: the queue is asked, and who pressed it where something stands in the way."""

from PySide6.QtCore import QObject, QPoint

from app.desktop.pages.models import offers
from app.desktop.pages.models.get_row import GetRow, HubRow, OfferRow
from app.desktop.pages.models.places import THIS_MACHINE
from app.desktop.pages.models.variants import offer_menu, recipe_menu
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.preferences import Preferences
from app.desktop.widgets.notices import NoticeBar
from models import quantities, recipes
from models.jobs import chains
from models.library.catalog import Offer, Variant

DEFAULT_RECIPE = "4bit"


class Downloads(QObject):
    """Starts jobs for rows and their menus; failures are told in the notice bar. room_bytes: what a model may take."""

    def __init__(self, jobs: JobQueue, notices: NoticeBar, preferences: Preferences, parent: QObject) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._notices = notices
        self._preferences = preferences
        self.room_bytes = 0
        self.known: dict[str, Offer] = {}  # by repository, in lower case

    @property
    def drops_original(self) -> bool:
        """Whether the original is deleted once its quantized copy is made."""
        return self._preferences.window.drop_original

    def keep_drop(self, drop: bool) -> None:
        """Remember what becomes of originals."""
        with self._preferences.remember() as window:
            window.drop_original = drop

    def connect_offer(self, row: OfferRow) -> None:
        """Let a row of the catalog get."""
        row.get_pressed.connect(lambda: self.get_choice(row, offers.shown_choice(row.offer)))
        row.menu_asked.connect(lambda at: self._show_offer_menu(row, row.offer, at))

    def connect_repo(self, row: HubRow) -> None:
        """Let a row of the Hub get."""
        offer = self.known.get(row.repo.lower())
        if offer is not None:
            row.get_pressed.connect(lambda: self._get_offered(row, offer, offers.shown_choice(offer)))
            row.menu_asked.connect(lambda at: self._show_offer_menu(row, offer, at))
        else:
            row.get_pressed.connect(lambda: self.get_repo(row, recipe_for(row.repo)))
            row.menu_asked.connect(lambda at: self._show_recipe_menu(row, at))

    def get_choice(self, row: OfferRow, choice: Variant) -> None:
        """Get a variant of the catalog; ask first when it is too big."""
        self._get_offered(row, row.offer, choice)

    def get_repo(self, row: HubRow, recipe: str) -> None:
        """Get a repository that the catalog does not know; ask first when its weights alone are too big."""
        weights = approximate_bytes(row.params, recipe)

        def start() -> None:
            self._get(row.repo.split("/")[-1], row.repo, "main", recipe)

        if weights > self.room_bytes > 0:
            takes, room = quantities.size(weights), quantities.size(self.room_bytes)
            row.ask(f"Its weights take about {takes}, {THIS_MACHINE}’s limit is {room}. Get it all the same?", start)
        else:
            start()

    def _get(self, title: str, repo: str, revision: str, recipe: str) -> None:
        drop = self.drops_original and bool(recipe)
        self._notices.attempt(lambda: self._jobs.add(*chains.get(repo, revision, recipe, drop), title=title))

    def _get_offered(self, row: GetRow, offer: Offer, choice: Variant) -> None:
        def start() -> None:
            self._get(offer.entry.title, offer.entry.repo, offer.entry.revision, choice.recipe)

        if choice.state == "too_big":
            row.ask(offers.too_big(choice, self.room_bytes, THIS_MACHINE), start)
        else:
            start()

    def _show_offer_menu(self, row: GetRow, offer: Offer, at: QPoint) -> None:
        def choose(choice: Variant) -> None:
            self._get_offered(row, offer, choice)

        offer_menu(offer, row, choose, self.drops_original, self.keep_drop).popup(at)

    def _show_recipe_menu(self, row: HubRow, at: QPoint) -> None:
        def choose(recipe: str) -> None:
            self.get_repo(row, recipe)

        recipe_menu(row, choose, self.drops_original, self.keep_drop, row.params).popup(at)


def approximate_bytes(params: int, recipe: str) -> int:
    """What so many weights take; 0 when their number is not known."""
    return round(params * (recipes.parse(recipe).bits_per_weight() if recipe else 16) / 8)


def recipe_for(repo: str) -> str:
    """What a click on Get makes of a repository of the Hub: what says that it is quantized already stays as it is."""
    name = repo.split("/")[-1].lower()
    words = name.replace("_", "-").split("-")
    told = any(word in recipes.OFFERED or word in ("mlx", "dwq") for word in words) or "-bit" in name
    return "" if told else DEFAULT_RECIPE


def repo_of(row: GetRow) -> str:
    """The repository that a row is about."""
    return row.offer.entry.repo if isinstance(row, OfferRow) else row.repo if isinstance(row, HubRow) else ""
