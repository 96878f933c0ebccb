"""The models and adapters of this machine: what is installed, what the catalog offers, what fits, and how one is got."""

__all__ = ["catalog", "download", "fit", "installed", "starter"]
