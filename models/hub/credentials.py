"""The Hub's access token: where it is looked for, where it is kept.

In this order: HF_TOKEN, the system's keychain, a file of ours where there is no keychain, the file of `hf auth login`.
Only the file of ours and the keychain are ever written. A token goes into the Authorization header of requests to the
Hub's own host and nowhere else: not into an argument, a log, an event or the text of an error.
"""

import contextlib
import importlib
import logging
import os
import re
from pathlib import Path
from typing import Any, Literal

from models import errors, paths

log = logging.getLogger(__name__)

Source = Literal["environment", "keychain", "file", "hf"]

SERVICE, ACCOUNT = "Stillroom", "huggingface.co"
_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_LEAST_PRIORITY = 1  # keyring ranks what is a keychain of the system so or higher, makeshift ones lower


def token() -> str | None:
    """The token to use; None without one. May ask the keychain, and the keychain the user."""
    return _found()[0]


def source() -> Source | None:
    """Where the token that is used comes from; None without one."""
    return _found()[1]


def save(text: str) -> Source:
    """Keep a token, in the keychain where there is one; says where. Raises BadInput for what can't be a token."""
    value = _clean(text)
    if value is None:
        raise errors.BadInput("That is no access token.", "Make one on huggingface.co under Settings, Access Tokens.")
    keychain = _keychain()
    if keychain is not None:
        try:
            keychain.set_password(SERVICE, ACCOUNT, value)
        except Exception as error:  # each backend has its own, and a locked keychain is no fault of ours
            log.warning("The keychain did not take the token: %s", type(error).__name__)
        else:
            paths.hub_token_file().unlink(missing_ok=True)
            return "keychain"
    _write_private(paths.hub_token_file(), value)
    return "file"


def forget() -> None:
    """Remove what save() kept. A token of the environment or of `hf auth login` is left alone."""
    paths.hub_token_file().unlink(missing_ok=True)
    keychain = _keychain()
    if keychain is not None and _from_keychain(keychain):
        with contextlib.suppress(Exception):  # it was removed meanwhile, or the user said no
            keychain.delete_password(SERVICE, ACCOUNT)


def _found() -> tuple[str | None, Source | None]:
    for name in _VARIABLES:
        if value := _clean(os.environ.get(name, "")):
            return value, "environment"
    keychain = _keychain()
    if keychain is not None and (value := _from_keychain(keychain)):
        return value, "keychain"
    if value := _read(paths.hub_token_file()):
        return value, "file"
    named = os.environ.get("HF_TOKEN_PATH")  # as huggingface_hub resolves it, read now and not when that was imported
    if value := _read(paths.expanded(named) if named else paths.hf_home() / "token"):
        return value, "hf"
    return None, None


def _clean(text: str) -> str | None:
    """A token as it can stand in a header, or None."""
    value = text.strip()
    return value if re.fullmatch(r"[\x21-\x7e]{1,4096}", value) else None


def _keychain() -> Any | None:
    """The keyring module when it leads to a keychain of the system."""
    try:
        keyring = importlib.import_module("keyring")
        return keyring if keyring.get_keyring().priority >= _LEAST_PRIORITY else None
    except Exception as error:  # not installed, or no service answers; backends raise what they like
        log.debug("There is no keychain: %s", type(error).__name__)
        return None


def _from_keychain(keychain: Any) -> str | None:
    try:
        return _clean(keychain.get_password(SERVICE, ACCOUNT) or "")
    except Exception as error:  # locked, or the user said no
        log.info("The keychain gave no token: %s", type(error).__name__)
        return None


def _read(file: Path) -> str | None:
    try:
        return _clean(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _write_private(file: Path, value: str) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(value)
        os.fsync(out.fileno())
    draft.replace(file)
