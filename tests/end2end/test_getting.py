"""A model from a hub on loopback to a chat, through the real command line: get, quantize, measure, talk, delete."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.end2end.command_line import ended, started, stillroom
from tests.hub.server import Hub
from tests.tiny import make_tiny

pytestmark = pytest.mark.slow  # through whole processes; a quick sibling of each stands at what it goes through


REPO = "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    with Hub() as hub:
        hub.add(REPO, make_tiny(tmp_path / "source", thinking="opened"))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


def test_get_quantize_chat_delete(tmp_path: Path, hub: Hub) -> None:
    home = tmp_path / "home"
    pulled = stillroom(home, "pull", "R1-Distill-Qwen-1.5B", "--quantize", "4bit", "--drop-original", "--json")
    assert pulled.status == 0, pulled.err
    stages = list(dict.fromkeys(event["stage"] for event in pulled.events if event["type"] == "progress"))
    assert stages[0] in ("ask", "download")
    assert {"download", "quantize", "card"} <= set(stages)
    made = pulled.events[-1]
    assert (made["recipe"], made["repo"], made["state"]) == ("4bit", REPO, "ready")
    assert made["card"]["kl"] >= 0
    listed = stillroom(home, "list", "--json").events[-1]["models"]
    assert [model["name"] for model in listed] == ["starter", made["name"]]  # the original is gone
    asked = stillroom(home, "chat", made["name"], "Hello", "--think", "8", "--max-tokens", "24", "--json")
    assert asked.events[-1]["type"] == "done"
    removed = stillroom(home, "rm", made["name"], "--json").events[-1]
    assert removed["freed_bytes"] > 50_000
    assert stillroom(home, "show", made["name"], "--json").events[-1]["kind"] == "not_found"


def test_a_killed_download_goes_on_at_the_byte_where_it_stopped(tmp_path: Path, hub: Hub) -> None:
    home = tmp_path / "home"
    weights = hub.repos[REPO].file("model.safetensors").size
    hub.rate = weights / 3  # bytes a second
    running = started(home, "pull", REPO, "--json")
    while hub.sent("model.safetensors") < weights / 4:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL) if os.getpgid(running.pid) == running.pid else running.kill()
    ended(running)
    hub.rate = 0
    before = hub.sent("model.safetensors")
    again = stillroom(home, "pull", REPO, "--json")
    assert again.status == 0, again.err
    assert again.events[-1]["state"] == "ready"
    assert hub.sent("model.safetensors") - before < weights


def test_each_refusal_of_the_hub_is_a_sentence(tmp_path: Path, hub: Hub) -> None:
    home = tmp_path / "home"
    hub.add("meta/gated", make_tiny(tmp_path / "gated"), gated=True)
    stillroom(home, "pull", "meta/gated", "--json").assert_failed("denied", 1, "terms")
    stillroom(home, "pull", "../etc", "--json").assert_failed("bad_input", 2, "no name of a repository")
    stillroom(home, "pull", REPO, "--json", HF_HUB_OFFLINE="1").assert_failed("offline", 1)
    stillroom(home, "pull", REPO, "--json", HF_ENDPOINT="mirror").assert_failed("bad_input", 2, "HF_ENDPOINT")
    stillroom(home, "quantize", "starter", "--to", "12bit", "--json").assert_failed("bad_input", 2, "12bit")
