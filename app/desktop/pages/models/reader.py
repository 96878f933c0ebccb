"""Reads the library and the catalog on another thread: 200 models take a tenth of a second, the catalog as much."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.desktop.services.background import Background, guarded
from models import families, paths
from models.events import Model
from models.library.catalog import Offer
from models.machine import hardware
from models.machine.hardware import Machine


class ModelsReader(QObject):
    """Tells what was read by signals, on the GUI thread.

    Signals:
        listed: the models (list of events.Model) and the bytes free on their disk (int).
        offered: the catalog for this machine (list of Offer), the tags that families of models think in (dict of str),
            and the machine.
        failed: a StillroomError.
    """

    listed = Signal(list, object)
    offered = Signal(list, dict, object)
    failed = Signal(object)

    def __init__(
        self,
        list_models: Callable[[], list[Model]],
        offers: Callable[[], list[Offer]],
        machine: Callable[[], Machine],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._list_models = list_models
        self._offers = offers
        self._machine = machine
        self._library = Background(guarded(self._read_library, self.failed, "reading the library"), self)
        self._catalog = Background(guarded(self._read_catalog, self.failed, "reading the catalog"), self)

    def read_library(self) -> None:
        self._library.start()

    def read_catalog(self) -> None:
        """Read the catalog: once, for it changes only with the app."""
        self._catalog.start()

    def close(self) -> None:
        self._library.close()
        self._catalog.close()

    def _read_library(self) -> None:
        self.listed.emit(self._list_models(), hardware.free_disk(paths.models_folder()))

    def _read_catalog(self) -> None:
        tags = {family.id: family.open for family in families.families() if family.trained}
        self.offered.emit(self._offers(), tags, self._machine())
