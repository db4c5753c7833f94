"""The programs of a demo as child processes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from churn.child import Child
from churn.errors import ChurnError

SAID = "churn: "
"""How a line begins that a program says to people, on standard error; the rest is its log."""


class Programs:
    """Starts `churn …` children, passes on what they say, and ends them together.

    Args:
        var: the folder of their logs.
        env: settings of this demo, as variables.
        say: told what they say.
    """

    def __init__(self, var: Path, env: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._var, self._env, self._say = var, env, say
        self._children: dict[str, Child] = {}
        self._read: dict[str, int] = {}

    def start(self, command: str, *arguments: str) -> None:
        """Starts `churn COMMAND ARGUMENTS`."""
        line = [sys.executable, "-m", "churn.cli", command, *arguments]
        self._children[command] = Child(command, line, self._var, env=self._env).start()

    def finished(self, command: str) -> bool:
        """Whether a one-shot program has ended well.

        Raises:
            ChurnError: a program failed, in its own words.
        """
        self.check()
        return self._children[command].returncode == 0

    def check(self) -> None:
        """Passes on what was said since the last call.

        Raises:
            ChurnError: a program ended with an error, in its own words.
        """
        for name, child in self._children.items():
            code = child.returncode
            said = self._said(name)
            if code not in (None, 0):
                raise ChurnError(f"`churn {name}` failed: {_reason(code, child)}", f"Its log is {child.log}.")
            for line in said:
                self._say(line)

    def stop(self, timeout_s: float) -> None:
        """Ends all of them at once, and waits."""
        with ThreadPoolExecutor(max_workers=max(1, len(self._children))) as pool:
            list(pool.map(lambda child: child.stop(timeout_s), self._children.values()))

    def _said(self, name: str) -> list[str]:
        """New whole lines of a program's log that are meant for people."""
        log = self._children[name].log
        if not log.exists():
            return []
        with log.open("rb") as file:
            file.seek(self._read.get(name, 0))
            text, newline, _ = file.read().rpartition(b"\n")
        self._read[name] = self._read.get(name, 0) + len(text) + len(newline)
        lines = text.decode(errors="replace").splitlines()
        return [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]


def _reason(code: int, child: Child) -> str:
    """Why a program ended: the signal, its own last word, or the end of its log."""
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}."
    end = child.tail(3)
    last = end.splitlines()[-1] if end else f"it ended with code {code}."
    return last.removeprefix(SAID) if last.startswith(SAID) else end or last
