"""Secrets at rest: sealed with AES-256-GCM and bound to what they are for, so that none can be moved."""

import base64
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FILE = "secret.key"
_VERSION = b"\x01"
_NONCE = 12
_TAG = 4  # bytes that tell keys apart


class SecretsLocked(Exception):
    """A stored credential was sealed with a key that is gone; enter the credential again, or add the key."""


class Vault:
    """Seals with the first key and opens with any: put a new key before the old ones to change it."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = {_tag(key): AESGCM(_derived(key)) for key in reversed(keys)}
        self._first = _tag(keys[0])

    @classmethod
    def open_in(cls, folder: Path, keys: Sequence[str]) -> "Vault":
        """With these keys, or else with one that lies in the folder and is made there at the first start."""
        return cls(keys or [_file_key(folder / _FILE)])

    def seal(self, text: str, *, purpose: str) -> str:
        """The text, readable only with a key and for this purpose."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._keys[self._first].encrypt(nonce, text.encode(), purpose.encode())
        return base64.urlsafe_b64encode(_VERSION + self._first + nonce + sealed).decode()

    def open(self, sealed: str, *, purpose: str) -> str:
        """The text that was sealed. Raises SecretsLocked."""
        raw = base64.urlsafe_b64decode(sealed)
        tag, nonce, content = raw[1 : 1 + _TAG], raw[1 + _TAG : 1 + _TAG + _NONCE], raw[1 + _TAG + _NONCE :]
        if raw[:1] != _VERSION or tag not in self._keys:
            raise SecretsLocked(
                "A stored credential was sealed with a key that is gone from DOUMI_SECRET_KEY; add that "
                "key to the list, or enter the credential again."
            )
        try:
            return self._keys[tag].decrypt(nonce, content, purpose.encode()).decode()
        except InvalidTag:
            raise SecretsLocked("A stored credential was changed in the database; enter it again.") from None


def _derived(key: str) -> bytes:
    return hashlib.sha256(b"doumi-vault-1:" + key.encode()).digest()


def _tag(key: str) -> bytes:
    return hashlib.sha256(b"doumi-vault-1-tag:" + key.encode()).digest()[:_TAG]


def _file_key(path: Path) -> str:
    """Readable by its owner alone from the first byte on."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(32)
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
