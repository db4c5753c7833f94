"""Gives Java the certificate authorities that this system trusts.

A Java out of a wheel brings a list of its own, in which an authority that a company or a person added to their
system is missing: behind an inspecting proxy nothing could be downloaded.
"""

from __future__ import annotations

import hashlib
import ssl
import struct
from collections.abc import Sequence

_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2


def system_authorities() -> list[bytes]:
    """The certificates (DER) of all authorities that this system trusts; empty where it names none."""
    return ssl.create_default_context().get_ca_certs(binary_form=True)


def java_key_store(certificates: Sequence[bytes]) -> bytes:
    """A Java key store (JKS) of trusted certificates in DER.

    The format is that of `sun.security.provider.JavaKeyStore` in OpenJDK. It ends with a digest for those who
    know its password; these certificates are public, so the password is empty, and Java does not ask for it.
    """
    body = struct.pack(">III", _MAGIC, _VERSION, len(certificates))
    for number, certificate in enumerate(certificates):
        alias, kind = f"ca{number}".encode(), b"X.509"
        body += struct.pack(">IH", _TRUSTED, len(alias)) + alias + struct.pack(">Q", 0)  # created: not known
        body += struct.pack(">H", len(kind)) + kind + struct.pack(">I", len(certificate)) + certificate
    return body + hashlib.sha1(b"Mighty Aphrodite" + body, usedforsecurity=False).digest()
