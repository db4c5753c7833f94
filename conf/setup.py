"""Makes the virtual environment and fetches the jars. Runs on the system's Python, with nothing installed."""

import errno
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import venv

PROJECT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = PROJECT / ".venv"
NEED_BYTES = 3_000_000_000
FULL_DISK = "The disk is full. Make room and run this again."
NO_NETWORK = ("connection broken by", "ConnectionError", "ProxyError", "ConnectionPool", "timed out")
"""What pip says of a server that it does not reach."""


def main():
    """Sets up, and explains in one sentence what is in the way if something is."""
    if sys.version_info < (3, 11):
        found = "%d.%d" % sys.version_info[:2]
        stop("Python %s is too old: 3.11 or newer is needed. Say which, as in: make PYTHON=python3.11" % found)
    if not usable():
        if shutil.disk_usage(PROJECT).free < NEED_BYTES:
            stop("There is not enough disk space in %s: 3 GB are needed for the set-up." % PROJECT)
        say("Making the virtual environment and installing packages (about 450 MB, once). This takes some minutes.")
        make_environment()
    install("--require-hashes", "-r", str(PROJECT / "requirements.lock"))
    install("--no-deps", "--no-build-isolation", "-e", str(PROJECT))
    if subprocess.call([str(ENVIRONMENT / "bin" / "churn"), "setup"]):
        sys.exit(1)
    say("Ready.")


def usable():
    """Whether there is an environment of this Python with pip in it, which need only be brought up to date."""
    here = (sys.version_info[0], sys.version_info[1])
    ask = "import pip, sys; print(sys.prefix != sys.base_prefix and sys.version_info[:2] == %r)" % (here,)
    try:
        command = [str(ENVIRONMENT / "bin" / "python"), "-c", ask]
        return subprocess.check_output(command, stderr=subprocess.DEVNULL).strip() == b"True"
    except (OSError, subprocess.CalledProcessError):
        return False


def make_environment():
    """An empty environment with pip in it, in the place of one that is of no use."""
    try:
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
    except (subprocess.CalledProcessError, OSError) as error:
        stop(no_environment(error))


def no_environment(error):
    """Why there is no environment, and what to do."""
    number = getattr(error, "errno", None)
    if number == errno.ENOSPC or b"No space left" in (getattr(error, "output", None) or b""):
        return FULL_DISK
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "%s may not be written. Give this account the right to, or use a copy of the project." % ENVIRONMENT
    if isinstance(error, OSError):
        return "%s could not be made: %s." % (ENVIRONMENT, error.strerror or error)
    return "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"


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
        return FULL_DISK
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in said:
        return "A package is not the one in requirements.lock. Do not use it: find out who changed it."
    if any(sign in said for sign in NO_NETWORK):
        return "The packages could not be downloaded. The first set-up needs the network; run this again with it."
    missing = re.search(r"No matching distribution found for (\S+)", said)
    if missing:
        here = "Python %d.%d on %s" % (sys.version_info[0], sys.version_info[1], sysconfig.get_platform())
        return "%s has no package for %s. Use 3.11 to 3.14, as in: make PYTHON=python3.12" % (missing.group(1), here)
    lines = said.splitlines() or ["without a word"]
    return "pip failed: " + ([line for line in lines if line.upper().startswith("ERROR:")] or lines)[-1]


def say(line):
    """Progress goes to standard error."""
    print(line, file=sys.stderr, flush=True)


def stop(line):
    """Ends with one sentence."""
    say(line)
    sys.exit(1)


if __name__ == "__main__":
    main()
