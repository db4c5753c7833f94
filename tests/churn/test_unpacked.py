"""A compressed log unpacked for Spark, and what is left of it."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from churn import unpacked
from churn.errors import ChurnError
from churn.unpacked import plain

PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstandard.ZstdCompressor().compress}


def unpredictable(count: int) -> list[bytes]:
    """Lines that do not pack well."""
    dice = random.Random(1)
    return [b'{"song": "%s"}' % dice.randbytes(60).hex().encode() for _ in range(count)]


def write(path: Path, lines: list[bytes]) -> Path:
    raw = b"".join(line + b"\n" for line in lines)
    path.write_bytes(PACK[path.suffix](raw) if path.suffix in PACK else raw)
    return path


def cut(packed: bytes) -> bytes:
    return packed[: len(packed) * 2 // 3]


def test_plain_unpacks_what_spark_cannot_read_and_cleans_up(tmp_path: Path) -> None:
    lines = unpredictable(50)
    packed = write(tmp_path / "log.json.zst", lines)
    with plain(packed, tmp_path / "var") as readable:
        assert readable.suffix == ".json"
        assert readable.read_bytes().splitlines() == lines
    assert list((tmp_path / "var").iterdir()) == []
    with pytest.raises(ZeroDivisionError), plain(packed, tmp_path / "var"):
        raise ZeroDivisionError
    assert list((tmp_path / "var").iterdir()) == []


def test_plain_leaves_alone_what_spark_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "log.json", [b"{}"])
    with plain(path, tmp_path / "var") as readable:
        assert readable == path
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("ending", [".json.gz", ".json.bz2", ".json.zst"])
def test_plain_refuses_a_broken_archive(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"log{ending}", unpredictable(100))
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(ChurnError, match="cannot be unpacked"), plain(path, tmp_path / "var"):
        pytest.fail("a broken archive was given out")
    assert list((tmp_path / "var").iterdir()) == []


def test_plain_tells_of_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(unpacked, "open_packed", lambda _: Full())
    path = write(tmp_path / "log.json.gz", unpredictable(100))
    with pytest.raises(ChurnError, match=r"disk is full.*Make room"), plain(path, tmp_path / "var"):
        pytest.fail("a log was given out that was not unpacked")
    assert list((tmp_path / "var").iterdir()) == []


def test_a_disk_that_fills_up_while_the_log_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def on_a_full_disk(folder: Path, _prefix: str) -> Iterator[Path]:
        folder.mkdir()
        (folder / "log.json").symlink_to("/dev/full")
        yield folder

    monkeypatch.setattr(unpacked, "own_folder", on_a_full_disk)
    path = write(tmp_path / "log.json.gz", unpredictable(100))
    with pytest.raises(ChurnError, match=r"disk is full.*Make room"), plain(path, tmp_path / "var"):
        pytest.fail("a log was given out that was not unpacked")


def test_unpacking_leaves_room_for_whatever_else_works_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked, "_STRIDE_BYTES", 2000)
    monkeypatch.setattr(unpacked, "_CHUNK", 1000)
    free = iter([unpacked.ROOM_BYTES, unpacked.ROOM_BYTES - 1])
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=next(free)))
    seen: list[int] = []
    path = write(tmp_path / "log.json.gz", unpredictable(100))
    with (
        pytest.raises(ChurnError, match=r"Only 1,023 MiB are free: .*log\.json\.gz could not .*1,024 MiB .*Make room"),
        plain(path, tmp_path / "var", seen.append),
    ):
        pytest.fail("a log was given out that was not unpacked")
    assert seen == [2000, 4000]
    assert list((tmp_path / "var").iterdir()) == []


def test_unpacking_ends_where_it_reports_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "_STRIDE_BYTES", 2000)
    monkeypatch.setattr(unpacked, "_CHUNK", 1000)
    seen: list[int] = []

    def tell(size: int) -> None:
        seen.append(size)
        if size > 5000:
            raise ZeroDivisionError

    path = write(tmp_path / "log.json.gz", unpredictable(100))
    with pytest.raises(ZeroDivisionError), plain(path, tmp_path / "var", tell):
        pytest.fail("a log was given out that was not unpacked")
    assert seen == [2000, 4000, 6000]
    assert list((tmp_path / "var").iterdir()) == []


UNPACKER = """
import sys, time
from pathlib import Path
from churn.unpacked import plain
with plain(Path(sys.argv[1]), Path(sys.argv[2])) as unpacked:
    print(unpacked, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_program_had_unpacked_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    path, var = write(tmp_path / "log.json.gz", unpredictable(100)), tmp_path / "var"
    command = [sys.executable, "-c", UNPACKER, path, var]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as living:
        assert living.stdout is not None
        kept = Path(living.stdout.readline().strip())
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            left = Path(killed.stdout.readline().strip())
            killed.kill()
        assert left.exists()
        with plain(path, var) as own:
            assert sorted(var.iterdir()) == sorted([kept.parent, own.parent])
        living.kill()
    with plain(path, var) as own:
        assert list(var.iterdir()) == [own.parent]
