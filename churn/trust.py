"""Gives Java the certificate authorities that this system trusts.

A Java out of a wheel brings a list of its own, in which an authority that a company or a person added to their system is
missing: behind an inspecting proxy nothing could be downloaded.
"""

from __future__ import annotations

import hashlib
import ssl
import struct
from pathlib import Path

_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2


def java_options(store: Path) -> list[str]:
    """Options that make Java trust what the system trusts; none where the system names no authority.

    Args:
        store: the file to write the authorities to.
    """
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not certificates:
        return []
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_bytes(key_store(certificates))
    return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=JKS"]


def key_store(certificates: list[bytes]) -> bytes:
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
