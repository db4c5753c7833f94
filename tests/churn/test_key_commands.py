"""`churn keys`, `churn backup` and `churn restore` as a person calls them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from churn.keys import digest, key_id
from tests.conftest import Servers

pytestmark = pytest.mark.servers


@pytest.fixture
def churn(servers: Servers, redis_client: Any) -> Any:
    def run(*arguments: str, url: str = servers.redis_url) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "CHURN_REDIS__URL": url}
        command = [sys.executable, "-m", "churn.cli", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return run


def test_a_key_from_its_making_to_its_end(churn: Any, redis_client: Any) -> None:
    made = churn("keys", "create", "CRM import", "--scope", "events", "--scope", "read", "--days", "30")
    token = made.stdout.strip()
    key = key_id(token)
    assert made.returncode == 0
    assert f"Made key {key} for CRM import: read, events. Nobody can show it again." in made.stderr
    assert redis_client.hget(f"churn:key:{key}", "sha256") == digest(token)
    listed = churn("keys", "list").stdout
    assert token not in listed
    assert key in listed
    assert "read,events" in listed
    rotated = churn("keys", "rotate", key, "--overlap-days", "0").stdout.strip()
    assert key_id(rotated) != key
    assert "expired" in next(line for line in churn("keys", "list").stdout.splitlines() if key in line)
    assert churn("keys", "revoke", key_id(rotated)).returncode == 0
    assert "revoked" in churn("keys", "list").stdout
    actions = [entry["action"] for _, entry in redis_client.xrange("churn:audit")]
    assert actions == ["key.create", "key.rotate", "key.revoke"]
    assert token not in str(redis_client.xrange("churn:audit"))


def test_a_link_to_the_console(churn: Any) -> None:
    key = key_id(churn("keys", "create", "console").stdout.strip())
    link = churn("keys", "link", key, "--base", "https://churn.example.com/").stdout.strip()
    assert link.startswith("https://churn.example.com/sign-in?link=")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keys", "revoke", "nothing"), "There is no key nothing. Look at: churn keys list."),
        (("keys", "create", "x", "--scope", "all"), "all is no scope. Name some of: read, write, events, admin."),
        (("restore", "/nothing"), "/nothing cannot be read as a backup"),
    ],
)
def test_a_slip_is_one_sentence(churn: Any, arguments: tuple[str, ...], words: str) -> None:
    done = churn(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_redis_it_says_so(churn: Any) -> None:
    done = churn("keys", "list", url="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "Redis does not serve at 127.0.0.1:1" in done.stderr


def test_a_backup_and_back(churn: Any, redis_client: Any, tmp_path: Path) -> None:
    token = churn("keys", "create", "x").stdout.strip()
    saved = churn("backup", str(tmp_path / "x"))
    assert saved.returncode == 0, saved.stderr
    redis_client.flushall()
    assert churn("restore", str(tmp_path / "x")).returncode == 0
    assert redis_client.hget(f"churn:key:{key_id(token)}", "sha256") == digest(token)
