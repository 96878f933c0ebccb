"""The Hugging Face Hub and its cache on this disk: search, listings, downloads that resume and are checked,
credentials.
"""

__all__ = ["cache", "client", "credentials", "datasets", "endpoint", "listing", "manifests", "search", "transfer"]
