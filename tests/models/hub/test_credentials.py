"""The token is found where it should be, kept where nobody else reads it, and forgotten only where we kept it."""

import sys
import types
from pathlib import Path

import pytest

from models import errors
from models.hub import credentials


class FakeKeychain(types.ModuleType):
    """As much of the keyring module as is used."""

    def __init__(self, priority: float = 5, locked: bool = False) -> None:
        super().__init__("keyring")
        self.priority = priority
        self.locked = locked
        self.held: dict[tuple[str, str], str] = {}

    def get_keyring(self) -> "FakeKeychain":
        return self

    def _open(self) -> None:
        if self.locked:
            raise RuntimeError("the user said no to hf_secret")

    def get_password(self, service: str, account: str) -> str | None:
        self._open()
        return self.held.get((service, account))

    def set_password(self, service: str, account: str, password: str) -> None:
        self._open()
        self.held[service, account] = password

    def delete_password(self, service: str, account: str) -> None:
        self._open()
        del self.held[service, account]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch) -> FakeKeychain:
    fake = FakeKeychain()
    monkeypatch.setitem(sys.modules, "keyring", fake)
    return fake


def test_without_one() -> None:
    assert credentials.token() is None
    assert credentials.source() is None


def test_the_order(monkeypatch: pytest.MonkeyPatch, keychain: FakeKeychain, home: Path, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_of_login\n")
    assert (credentials.token(), credentials.source()) == ("hf_of_login", "hf")
    home.mkdir(exist_ok=True)
    (home / "hub_token").write_text("hf_of_file")
    assert (credentials.token(), credentials.source()) == ("hf_of_file", "file")
    keychain.held["Stillroom", "huggingface.co"] = "hf_of_keychain"
    assert (credentials.token(), credentials.source()) == ("hf_of_keychain", "keychain")
    monkeypatch.setenv("HF_TOKEN", " hf_of_environment\n")
    assert (credentials.token(), credentials.source()) == ("hf_of_environment", "environment")


def test_another_place_of_the_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("hf_there")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "elsewhere"))
    assert credentials.token() == "hf_there"


def test_it_is_saved_in_the_keychain(keychain: FakeKeychain, home: Path) -> None:
    assert credentials.save(" hf_new ") == "keychain"
    assert credentials.token() == "hf_new"
    assert not (home / "hub_token").exists()
    credentials.forget()
    assert credentials.token() is None
    assert keychain.held == {}


def test_without_a_keychain_in_a_private_file(home: Path) -> None:
    assert credentials.save("hf_new") == "file"
    assert credentials.token() == "hf_new"
    assert (home / "hub_token").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir()] == ["hub_token"]
    credentials.forget()
    assert credentials.token() is None


@pytest.mark.parametrize("fake", [FakeKeychain(priority=0), FakeKeychain(locked=True)], ids=["makeshift", "locked"])
def test_a_keychain_that_is_none(
    monkeypatch: pytest.MonkeyPatch, fake: FakeKeychain, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", fake)
    caplog.set_level("DEBUG")
    assert credentials.save("hf_secret") == "file"
    assert credentials.token() == "hf_secret"
    credentials.forget()
    assert credentials.token() is None
    assert "hf_secret" not in caplog.text


def test_forgetting_leaves_the_login_of_other_tools(tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_of_login")
    credentials.save("hf_new")
    credentials.forget()
    assert credentials.token() == "hf_of_login"


@pytest.mark.parametrize("text", ["", "  ", "two words", "hf_\nX-Header: 1", "hf_é"])
def test_what_can_t_be_a_token(text: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        credentials.save(text)
    assert not text.strip() or text not in caught.value.text
