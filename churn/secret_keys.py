"""The server's secret key: what is encrypted in Redis, and how somebody who was forgotten is known again.

From the one key two are derived (HKDF, RFC 5869), so that neither use tells anything of the other. Encryption is
Fernet (AES-128-CBC with HMAC-SHA256), a marker is HMAC-SHA256 cut to 128 bits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BeforeValidator, Field, SecretStr, model_validator

from churn.errors import ChurnError
from churn.section import Section

_SHORTEST = 32
_MAKE_ONE = (
    "Make one, as in: head -c 32 /dev/urandom | base64 > FILE; and name the file in the setting secrets.key_file."
)


class Secrets(Section):
    """The secret key, or the file that holds it: one key a line, the first for what is written from now on."""

    key: Annotated[SecretStr | None, BeforeValidator(lambda value: value or None)] = Field(
        None, description="the secret key; a file is better"
    )
    key_file: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = Field(
        None, description="file with the key, and older ones below it"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.key is not None and self.key_file is not None:
            raise ValueError("key and key_file are both set: keep one of the two")
        return self

    def read(self) -> SecretKeys | None:
        """The keys, None where there is none.

        Raises:
            ChurnError: the file cannot be read, or a key is too short.
        """
        if self.key is not None:
            return SecretKeys([self.key.get_secret_value()])
        if self.key_file is None:
            return None
        try:
            return SecretKeys(self.key_file.read_text().split())
        except OSError as error:
            raise ChurnError(
                f"The secret key in {self.key_file} cannot be read ({error.strerror}).", _MAKE_ONE
            ) from None

    def require(self, purpose: str) -> SecretKeys:
        """The keys.

        Args:
            purpose: for which they are needed, as "Webhook secrets are encrypted with it".

        Raises:
            ChurnError: as :meth:`read`, or there is none.
        """
        keys = self.read()
        if keys is None:
            raise ChurnError(f"There is no secret key. {purpose}.", _MAKE_ONE)
        return keys


class SecretKeys:
    """Encrypts, and marks who was forgotten.

    Args:
        keys: the first is used for what is written, each for what is read.

    Raises:
        ChurnError: there is none, or one is too short to be a secret.
    """

    def __init__(self, keys: list[str]) -> None:
        if not keys or min(map(len, keys)) < _SHORTEST:
            raise ChurnError(f"A secret key has at least {_SHORTEST} characters.", _MAKE_ONE)
        self._keys = [key.encode() for key in keys]

    def encrypt(self, text: str) -> str:
        """Text that only who has the key can read."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """What was encrypted.

        Raises:
            ChurnError: by another key, or it was changed.
        """
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise ChurnError(
                "What Redis holds was encrypted with another secret key.",
                "Add that key as a further line of the file that secrets.key_file names.",
            ) from None

    def markers(self, user_id: str) -> list[str]:
        """How this user is known once forgotten: by each key, that of today first."""
        return [hmac.digest(key, user_id.encode(), hashlib.sha256)[:16].hex() for key in self._marking]

    @cached_property
    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key, b"encryption"))) for key in self._keys])

    @cached_property
    def _marking(self) -> list[bytes]:
        return [_derived(key, b"forgotten users") for key in self._keys]


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"churn " + purpose).derive(key)
