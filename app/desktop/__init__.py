"""The window: PySide6 widgets over the engine; never imports what runs models."""
