"""Locks between programs: who waits, who is told, and when one is free again."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from churn import locks
from churn.errors import ChurnError
from churn.locks import claim, locked


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    with claim(tmp_path / "new"):
        with pytest.raises(ChurnError, match=r"^The folder .*/new is in use by another running program\. Stop"):
            claim(tmp_path / "new")
        claim(tmp_path / "another").close()
    claim(tmp_path / "new").close()


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from churn.locks import claim; "
    code += "c = claim(Path(sys.argv[1])); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(ChurnError):
            claim(tmp_path)
        holder.kill()
    claim(tmp_path).close()


def test_who_waits_for_a_lock_is_told_again_and_again_and_may_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_REMIND_S", 0.1)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if len(told) == 3:
            raise InterruptedError

    with locked(tmp_path / "lock", tell):
        with pytest.raises(InterruptedError), locked(tmp_path / "lock", tell):
            pytest.fail("it was held twice")
        assert set(told) == {"Another set-up is running: waiting for it …"}
    with locked(tmp_path / "lock", tell):
        assert len(told) == 3


def test_a_lock_goes_from_one_to_the_next(tmp_path: Path, eventually: Callable[..., bool]) -> None:
    waiting, entered = threading.Event(), threading.Event()

    def next_one() -> None:
        with locked(tmp_path / "lock", lambda _: waiting.set()):
            entered.set()

    with locked(tmp_path / "lock", lambda _: None):
        thread = threading.Thread(target=next_one)
        thread.start()
        assert waiting.wait(5)
        assert not entered.is_set()
    assert entered.wait(5)
    thread.join()
