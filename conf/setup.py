"""Makes the virtual environment and fetches the jars. Runs on the system's Python, with nothing installed."""

import pathlib
import shutil
import subprocess
import sys
import venv

PROJECT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = PROJECT / ".venv"
NEED_BYTES = 3_000_000_000


def main():
    """Sets up, and explains in one sentence what is in the way if something is."""
    if sys.version_info < (3, 11):
        found = "%d.%d" % sys.version_info[:2]
        stop("Python %s is too old: 3.11 or newer is needed. Say which, as in: make PYTHON=python3.11" % found)
    if shutil.disk_usage(PROJECT).free < NEED_BYTES:
        stop("There is not enough disk space in %s: 3 GB are needed for the set-up." % PROJECT)
    say("Making the virtual environment and installing packages (about 450 MB, once). This takes some minutes.")
    make_environment()
    install("--require-hashes", "-r", str(PROJECT / "requirements.lock"))
    install("--no-deps", "-e", str(PROJECT))
    if subprocess.call([str(ENVIRONMENT / "bin" / "churn"), "setup"]):
        sys.exit(1)
    say("Ready.")


def make_environment():
    """An empty environment with pip in it."""
    try:
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
    except (subprocess.CalledProcessError, OSError):
        stop("This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv")


def install(*arguments):
    """Runs pip, with a line per package and its errors as one sentence."""
    command = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        said = []
        for line in pip.stdout:
            said.append(line.rstrip())
            if line.startswith(("  Downloading", "Installing")):
                say(line.strip()[:120])
    if pip.returncode:
        stop(reason("\n".join(said)))


def reason(said):
    """Why pip failed, and what to do."""
    if "No space left" in said:
        return "The disk is full. Make room and run this again."
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in said:
        return "A package is not the one in requirements.lock. Do not use it: find out who changed it."
    if any(sign in said for sign in ("ConnectionError", "ProxyError", "No matching distribution", "timed out")):
        return "The packages could not be downloaded. The first set-up needs the network; run this again with it."
    return "pip failed: " + (said.splitlines() or ["without a word"])[-1]


def say(line):
    """Progress goes to standard error."""
    print(line, file=sys.stderr, flush=True)


def stop(line):
    """Ends with one sentence."""
    say(line)
    sys.exit(1)


if __name__ == "__main__":
    main()
