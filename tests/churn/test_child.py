from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from churn.child import Child, in_use

Eventually = Callable[..., bool]
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
# A program that says when it runs: until then it is still the launcher.
UP = [sys.executable, "-I", "-S", "-c", "import time; print('up', flush=True); time.sleep(60)"]
# A parent that starts a child, waits until that runs, says its id, and hangs.
PARENT = f"""
import sys, time
from pathlib import Path
from churn.child import Child
child = Child("c", {UP!r}, Path(sys.argv[1])).start()
while child.tail() != "up":
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(60)
"""


def running(pid: int) -> bool:
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_a_child_is_killed_with_its_parent(tmp_path: Path, eventually: Eventually) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert running(pid)
        parent.kill()
        assert eventually(lambda: not running(pid), within_s=2.0)


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path, eventually: Eventually) -> None:
    child = Child("c", UP, tmp_path)
    # The thread must live until the program runs: only then has the launcher tied it to its parent.
    thread = threading.Thread(target=lambda: child.start() and eventually(lambda: child.tail() == "up"))
    thread.start()
    thread.join()
    assert child.tail() == "up"
    assert not eventually(lambda: not child.alive, within_s=0.3)
    child.stop()


def test_the_launcher_does_not_start_anything_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    launcher = [
        sys.executable,
        "-I",
        "-S",
        sys.modules["churn.child"].__file__ or "",
        "1",
        "touch",
        str(tmp_path / "x"),
    ]
    assert subprocess.run(launcher, check=False).returncode != 0
    assert not (tmp_path / "x").exists()


def test_stop_asks_first(tmp_path: Path, eventually: Eventually) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print(1, flush=True); time.sleep(60)"
    child = Child("c", python(code), tmp_path).start()
    assert eventually(lambda: child.tail() == "1")
    assert child.stop(5.0) == 7
    assert not child.alive


def test_stop_kills_who_does_not_listen(tmp_path: Path, eventually: Eventually) -> None:
    child = Child("c", python(STUBBORN), tmp_path).start()
    assert eventually(lambda: child.tail() == "ready")
    began_s = time.monotonic()
    assert child.stop(0.3) == -signal.SIGKILL
    assert 0.3 <= time.monotonic() - began_s < 3


def test_stop_ends_a_process_that_is_stopped(tmp_path: Path) -> None:
    child = Child("c", SLEEP, tmp_path).start()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    assert child.stop(5.0) == -signal.SIGTERM


@pytest.mark.parametrize("ending", ["stop", "of itself"])
def test_nothing_of_its_group_is_left(tmp_path: Path, eventually: Eventually, ending: str) -> None:
    spawn = f"import subprocess, time; p = subprocess.Popen({SLEEP!r}); print(p.pid, flush=True); "
    child = Child("c", python(spawn + ("time.sleep(60)" if ending == "stop" else "")), tmp_path).start()
    assert eventually(lambda: child.tail().isdigit())
    grandchild = int(child.tail())
    if ending == "stop":
        child.stop()
    assert eventually(lambda: not child.alive and not running(grandchild))


def test_environment_folder_and_log(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['ADDED'], os.getcwd(), 'PATH' in os.environ); print('e', file=sys.stderr)"
    child = Child("c", python(code), tmp_path, env={"ADDED": "yes"}, cwd=tmp_path).start()
    assert child.wait(5.0) == 0
    assert sorted(child.log.read_text().splitlines()) == ["e", f"yes {tmp_path} True"]
    assert child.log == tmp_path / "logs" / "c.log"


def test_tail_is_the_end_of_this_run_and_the_run_before_is_kept(tmp_path: Path) -> None:
    child = Child("c", python("print(*range(100), sep='\\n')"), tmp_path)
    child.start().wait(5.0)
    child.start().wait(5.0)
    assert child.tail(2) == "98\n99"
    assert len(child.log.read_text().splitlines()) == 100
    assert len(child.log.with_name("c.log.1").read_text().splitlines()) == 100


def test_a_program_that_does_not_exist_says_so_in_its_log(tmp_path: Path) -> None:
    child = Child("c", ["/no/such/program"], tmp_path).start()
    assert child.wait(5.0) == 127
    assert child.tail() == "/no/such/program could not be started: No such file or directory"


def test_a_child_that_was_never_started(tmp_path: Path) -> None:
    child = Child("c", SLEEP, tmp_path)
    assert (child.alive, child.returncode, child.pid, child.tail(), child.stop()) == (False, None, None, "", None)


def test_starting_a_running_child_changes_nothing(tmp_path: Path) -> None:
    with Child("c", SLEEP, tmp_path) as child:
        pid = child.pid
        assert child.start().pid == pid
    assert not child.alive


def test_it_is_not_in_the_process_group_of_its_parent(tmp_path: Path) -> None:
    with Child("c", SLEEP, tmp_path) as child:
        assert child.pid is not None
        assert os.getpgid(child.pid) == child.pid != os.getpgrp()


# A child that starts a program of its own, which inherits its output, and hangs.
WITH_CHILD = f"import subprocess, time; print(subprocess.Popen({SLEEP!r}).pid, flush=True); time.sleep(60)"
ITS_PARENT = f"""
import sys, time
from pathlib import Path
from churn.child import Child
child = Child("c", {[sys.executable, "-I", "-S", "-c", WITH_CHILD]!r}, Path(sys.argv[1])).start()
while not child.tail():
    time.sleep(0.01)
print(child.tail(), flush=True)
time.sleep(60)
"""


def test_a_folder_is_in_use_until_what_a_killed_child_had_started_is_gone(
    tmp_path: Path, eventually: Eventually
) -> None:
    assert not in_use(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ITS_PARENT, tmp_path], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        assert in_use(tmp_path)
        parent.kill()
    assert not eventually(lambda: not in_use(tmp_path), within_s=0.5)
    os.kill(grandchild, signal.SIGKILL)
    assert eventually(lambda: not in_use(tmp_path), within_s=2.0)
