"""A child process that never outlives its parent.

Run as a program this module is the launcher between the two: it asks the kernel to be killed with its parent, then
becomes the program wanted. The request survives exec, so it holds for the program. It is made here, after the fork,
and not in a `preexec_fn`, which may deadlock in a parent with threads. On systems other than Linux there is no such
request: there a child ends when its parent stops it, but not when its parent is killed.

This file needs only the standard library, because the launcher runs without the site packages to start at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Self

COULD_NOT_START = 127
"""The exit code of a program that could not be started, as shells have it."""

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h
_TAIL_BYTES = 65_536


class Child:
    """A program in its own process group, so that all of it is ended together and Ctrl-C is ours to handle.

    Args:
        name: of its log file, `logs/NAME.log` below `var`; the log of the run before is kept as `NAME.log.1`.
        command: the program and its arguments; no shell is involved.
        var: the folder that holds `logs`.
        env: added to the environment of this process.
        cwd: where it runs, by default where this process does.
        hold: file descriptors it keeps open, for a lock that must last as long as the program itself.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        var: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        hold: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = var / "logs" / f"{name}.log"
        self._env = dict(env or {})
        self._cwd = cwd
        self._hold = tuple(hold)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Starts the program; again, if it has ended. A program that cannot be started ends with code 127."""
        if self.alive:
            return self
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        launcher = [sys.executable, "-I", "-S", __file__, str(os.getpid()), *self.command]
        with self.log.open("ab") as out:
            fcntl.flock(out, fcntl.LOCK_SH)  # held by whoever can write into it: see `in_use`
            self._process = _spawn(
                lambda: subprocess.Popen(
                    launcher,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self._env},
                    cwd=self._cwd,
                    pass_fds=self._hold,
                    start_new_session=True,
                )
            )
        return self

    @property
    def pid(self) -> int | None:
        """Process id of the program itself, None if it was never started."""
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self.returncode is None

    @property
    def returncode(self) -> int | None:
        """Exit code, minus the signal if one ended it, None while it runs or if it was never started."""
        if self._process is None or self._process.returncode is not None:
            return None if self._process is None else self._process.returncode
        code = self._process.poll()
        if code is not None:
            # What it left behind (a JVM of a Python program) would work on beside the next one.
            self._signal(signal.SIGKILL)
        return code

    def stop(self, timeout_s: float = 5.0) -> int | None:
        """Asks the program to end (SIGTERM), then kills what is left of its group. Returns the exit code.

        Only the program is asked: if its own children were asked too, a JVM would be gone before the Python program
        that owns it could finish with it.

        Args:
            timeout_s: how long the program may take.
        """
        if self._process is not None and self.alive:
            self._process.terminate()
            self._signal(signal.SIGCONT)  # a stopped process sees the request only when it goes on
            self.wait(timeout_s)
        return self.kill()

    def wait(self, timeout_s: float) -> int | None:
        """Waits until it ends. Returns the exit code, None if it still runs after `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        while self.alive and time.monotonic() < deadline_s:
            time.sleep(0.02)
        return self.returncode

    def kill(self) -> int | None:
        """Ends the group at once (SIGKILL). Returns the exit code."""
        if self._process is not None and self.alive:
            self._signal(signal.SIGKILL)
            self._process.wait()
        return self.returncode

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log, for an error message."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        """Starts it."""
        return self.start()

    def __exit__(self, *exception: object) -> None:
        """Stops it."""
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            # macOS says PermissionError of a group of zombies.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def in_use(var: Path) -> bool:
    """Whether a child with a log below `var` lives, of whatever parent, or anything that such a child started.

    When a parent is killed, so are its children, but not what these had started: the JVM of a Python program needs a
    moment to notice, and may still write into its folders meanwhile.
    """
    for log in (var / "logs").glob("*.log*"):
        with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


class _Spawner:
    """One thread that starts all children and lives as long as the process.

    The kernel takes the death of the *thread* that forked for the death of the parent: a child started by a
    short-lived worker thread would be killed with it.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._work: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._work = queue.SimpleQueue()
        threading.Thread(target=self._run, name="spawner", daemon=True).start()

    def spawn(self, popen: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        future: Future[subprocess.Popen[bytes]] = Future()
        self._work.put((popen, future))
        return future.result()

    def _run(self) -> None:
        while True:
            popen, future = self._work.get()
            try:
                future.set_result(popen())
            except BaseException as error:  # raised where the child was wanted
                future.set_exception(error)


_spawners: list[_Spawner] = []
_spawners_lock = threading.Lock()


def _spawn(popen: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    with _spawners_lock:
        if not _spawners or _spawners[0].pid != os.getpid():  # threads do not survive a fork
            _spawners[:] = [_Spawner()]
        spawner = _spawners[0]
    return spawner.spawn(popen)


def _launch(parent: int, command: list[str]) -> None:
    """Becomes `command`, tied to the life of `parent`."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            os._exit(COULD_NOT_START)
    try:
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        print(f"{command[0]} could not be started: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(COULD_NOT_START)


if __name__ == "__main__":
    _launch(int(sys.argv[1]), sys.argv[2:])
