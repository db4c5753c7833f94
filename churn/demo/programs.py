"""The programs of a demo as child processes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from churn.child import Child
from churn.demo.environment import PORT_VARIABLES
from churn.errors import ChurnError

SAID = "churn: "
"""How a line begins that a program says to people, on standard error; the rest is its log."""

ATTEMPTS = 5
"""How often a program is started on another port, when each was taken between choosing it and listening there."""


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
        self._ports: dict[str, list[int]] = {}
        self._again: dict[str, Callable[[], None]] = {}

    def start(self, command: str, *arguments: str, port: Callable[[], int] | None = None) -> None:
        """Starts `churn COMMAND ARGUMENTS`.

        Args:
            command: one of the programs.
            arguments: of it.
            port: chooses where it listens; asked again when another program was quicker to listen there.
        """
        env = dict(self._env)
        if port is not None:
            self._ports.setdefault(command, []).append(port())
            env[PORT_VARIABLES[command]] = str(self.port(command))
        line = [sys.executable, "-m", "churn.cli", command, *arguments]
        self._children[command] = Child(command, line, self._var, env=env).start()
        self._read[command] = 0
        self._again[command] = lambda: self.start(command, *arguments, port=port)

    def port(self, command: str) -> int:
        """Where a program listens that was started with a port."""
        return self._ports[command][-1]

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
        for name, child in list(self._children.items()):
            code = child.returncode
            said = self._said(name)
            if code not in (None, 0):
                reason = _reason(code, child)
                if not self._was_late(name, reason):
                    raise ChurnError(f"`churn {name}` failed: {reason}", f"Its log is {child.log}.")
                self._again[name]()
                continue
            for line in said:
                self._say(line)

    def stop(self, timeout_s: float) -> None:
        """Ends all of them at once, and waits."""
        with ThreadPoolExecutor(max_workers=max(1, len(self._children))) as pool:
            list(pool.map(lambda child: child.stop(timeout_s), self._children.values()))

    def _was_late(self, name: str, reason: str) -> bool:
        """Whether a program failed because its port was taken, and may try another one."""
        tried = self._ports.get(name, [])
        return 0 < len(tried) < ATTEMPTS and f"port {tried[-1]} " in reason.lower()

    def _said(self, name: str) -> list[str]:
        """New whole lines of a program's log that are meant for people."""
        log = self._children[name].log
        if not log.exists():
            return []
        with log.open("rb") as file:
            file.seek(self._read[name])
            text, newline, _ = file.read().rpartition(b"\n")
        self._read[name] += len(text) + len(newline)
        lines = text.decode(errors="replace").splitlines()
        return [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]


def _reason(code: int, child: Child) -> str:
    """Why a program ended: the signal, its own last word, or the end of its log."""
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}."
    end = child.tail(3)
    last = end.splitlines()[-1] if end else f"it ended with code {code}."
    return last.removeprefix(SAID) if last.startswith(SAID) else end or last
