"""Files as they lie on disk, plain or compressed, opened to be read."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSED = (".gz", ".bz2", ".zst")
_PIECE = 1 << 10
"""Packed bytes that are unpacked at once. Four of them may hold 128 KiB of one letter, so a file that is made to fill
a memory gets no further than 32 MiB."""

BROKEN = (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError)
"""What reading a file that is damaged or cut short may raise."""


def open_packed(path: Path) -> IO[bytes]:
    """The content of a file; its ending says how it is packed."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix == ".bz2":
        return cast("IO[bytes]", bz2.open(path, "rb"))
    if path.suffix == ".zst":
        return cast("IO[bytes]", io.BufferedReader(_Zstandard(path), 1 << 20))
    return path.open("rb")


class _Zstandard(io.RawIOBase):
    """Reads a `.zst` to its end. The library's own reader takes a file that was cut short for one that is whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._ready and not self._file.closed:
            packed = self._file.read(_PIECE)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("the file ends before its last frame does")
                return 0
            self._ready = memoryview(self._unpack(packed))
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _unpack(self, packed: bytes) -> bytes:
        parts = []
        while packed:
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            parts.append(self._frame.decompress(packed))
            packed = self._frame.unused_data if self._frame.eof else b""
        return b"".join(parts)
