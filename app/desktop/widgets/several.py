"""A row of buttons of which several may be on."""

from collections.abc import Iterable

from app.desktop.widgets.segments import Segments


class Several(Segments):
    """As Segments, whose parts are turned on and off one by one; chosen tells the key of the one that was pressed."""

    @property
    def all_current(self) -> list[str]:
        """The keys of the parts that are on, from left to right."""
        return [key for key, part in self.parts.items() if part.isChecked()]

    def show_all(self, keys: Iterable[str]) -> None:
        """Turn these on and the others off, without telling."""
        wanted = set(keys)
        for key, part in self.parts.items():
            part.setChecked(key in wanted)

    def _press(self, key: str) -> None:
        self.chosen.emit(key)
