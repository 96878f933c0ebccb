"""Reads the library and the catalog on another thread: 200 models take a tenth of a second, the catalog as much."""

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.desktop.services.background import Background
from models import families, paths
from models.errors import StillroomError, from_os_error
from models.events import Model
from models.library.catalog import Offer
from models.machine import hardware
from models.machine.hardware import Machine

log = logging.getLogger(__name__)


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
        self._library = Background(self._read_library, self)
        self._catalog = Background(self._read_catalog, self)

    def read_library(self) -> None:
        self._library.start()

    def read_catalog(self) -> None:
        """Read the catalog: once, for it changes only with the app."""
        self._catalog.start()

    def close(self) -> None:
        self._library.close()
        self._catalog.close()

    def _read_library(self) -> None:
        try:
            self.listed.emit(self._list_models(), hardware.free_disk(paths.models_folder()))
        except StillroomError as error:
            log.warning("library not read: %s", error)
            self.failed.emit(error)
        except OSError as error:
            log.warning("library not read: %s", error)
            self.failed.emit(from_os_error(error, "reading the library"))

    def _read_catalog(self) -> None:

        tags = {family.id: family.open for family in families.families() if family.trained}
        try:
            self.offered.emit(self._offers(), tags, self._machine())
        except StillroomError as error:
            log.warning("catalog not read: %s", error)
            self.failed.emit(error)
