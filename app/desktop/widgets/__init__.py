"""Widgets and drawing that more than one page uses."""
