"""The environment that a worker gets."""

import pytest

from models.engine.client import _environment
from models.jobs import kinds
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.search import Search


def test_only_what_needs_the_hub_may_use_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert _environment(network=False)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in _environment(network=True)
    assert {kind for kind in kinds.by_name().values() if kind.needs_network} == {Search, Fetch}


def test_none_tells_anybody_anything() -> None:
    for network in (True, False):
        assert _environment(network)["HF_HUB_DISABLE_TELEMETRY"] == "1"
        assert _environment(network)["DO_NOT_TRACK"] == "1"
