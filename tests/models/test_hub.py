"""The Hub is asked once, briefly, and what answers in its place is not taken for it. A server on loopback plays it."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from models import hub


class _Answers(http.server.BaseHTTPRequestHandler):
    status = 200
    body = b"[]"
    asked: "list[tuple[str, str | None]]"

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Answers]]:
    handler = type("Handler", (_Answers,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}/")
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        monkeypatch.setenv("no_proxy", "*")
        yield handler
        running.shutdown()


def test_it_answers_and_no_token_goes_out(server: type[_Answers]) -> None:
    assert hub.why_unreachable() == ""
    assert server.asked == [("/api/models?limit=1", None)]


def test_it_refuses(server: type[_Answers]) -> None:
    server.status = 503
    assert hub.why_unreachable() == "it answered with status 503"


def test_a_login_page(server: type[_Answers]) -> None:
    server.body = b"<html>Welcome to the hotel</html>"
    assert hub.why_unreachable() == "something else answers there, perhaps the network's login page"


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "*")
    assert hub.why_unreachable() == "Connection refused"


def test_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()

    def slow(_timeout_s: float) -> str:
        waiting.wait()
        return ""

    monkeypatch.setattr(hub, "_ask", slow)
    assert hub.why_unreachable(0.01) == "it did not answer in time"
    waiting.set()


def test_an_address_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc/passwd")
    assert hub.why_unreachable() == "HF_ENDPOINT is no http address"


def test_offline_by_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    for value, offline in (("1", True), ("yes", True), ("0", False), ("", False)):
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
        assert hub.kept_offline() is offline


def test_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert hub.endpoint() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert hub.endpoint() == "https://mirror.example"
