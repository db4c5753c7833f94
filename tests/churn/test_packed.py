"""Packed files that are made to fill a memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
import zstandard

from churn.packed import open_packed

SIZE = 256 << 20


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of a gigabyte of one letter, in a few kilobytes."""
    path = tmp_path_factory.mktemp("bomb") / "log.json.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as out:
        for _ in range(SIZE >> 20):
            out.write(b"x" * (1 << 20))
    assert path.stat().st_size < 100_000
    return path


def test_a_file_that_unpacks_to_far_more_is_read_piece_by_piece(bomb: Path) -> None:
    tracemalloc.start()
    with open_packed(bomb) as file:
        read = 0
        while chunk := file.read(1 << 20):
            read += len(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == SIZE
    assert peak < 80 << 20
