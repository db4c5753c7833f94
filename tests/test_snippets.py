"""What the manuals show is run: the Python of the API's manual, and the receivers of webhooks in three languages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from api.webhooks.endpoints import new_secret
from churn.settings import PROJECT

BODY = '{"type":"alert.raised","data":{"user_id":"é"}}'


def blocks(name: str, language: str) -> list[str]:
    """The snippets of a manual in one language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (PROJECT / "docs" / name).read_text(), flags=re.MULTILINE | re.DOTALL
    )


def message(secret: str, at_s: float | None = None) -> dict[str, str]:
    """The headers of a message."""
    at = datetime.fromtimestamp(time.time() if at_s is None else at_s, UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,bm90IHRoaXM= {Webhook(secret).sign('msg_1', at, BODY)}",
    }


CASES = [("good", True), ("changed", False), ("old", False), ("another secret", False)]


def case(kind: str) -> tuple[str, dict[str, str], str]:
    """Secret, headers and body as a receiver gets them."""
    secret = new_secret()
    headers = message(new_secret() if kind == "another secret" else secret, 1 if kind == "old" else None)
    return secret, headers, BODY.replace("é", "e") if kind == "changed" else BODY


@pytest.mark.parametrize(("kind", "good"), CASES)
def test_the_receiver_in_python(kind: str, good: bool) -> None:
    names: dict[str, Any] = {}
    exec(blocks("webhooks.md", "python")[1], names)  # noqa: S102 (it is our own)
    secret, headers, body = case(kind)
    if good:
        assert names["receive"](secret, headers, body.encode()) == json.loads(body)
    else:
        with pytest.raises(PermissionError):
            names["receive"](secret, headers, body.encode())


@pytest.mark.parametrize(("kind", "good"), CASES)
def test_the_receiver_in_node(kind: str, good: bool, tmp_path: Path) -> None:
    node = shutil.which("node") or pytest.skip("node is not installed")
    secret, headers, body = case(kind)
    [code] = blocks("webhooks.md", "js")
    call = f"\nverify({json.dumps(secret)}, {json.dumps(headers)}, {json.dumps(body)});\n"
    (tmp_path / "receiver.js").write_text(code + call)
    done = subprocess.run([node, tmp_path / "receiver.js"], capture_output=True, check=False)
    assert (done.returncode == 0) is good, done.stderr


@pytest.mark.servers
def test_the_receiver_in_go(tmp_path: Path) -> None:
    go = shutil.which("go") or pytest.skip("go is not installed")
    [code] = blocks("webhooks.md", "go")
    (tmp_path / "receiver.go").write_text(code)
    (tmp_path / "go.mod").write_text("module receiver\n\ngo 1.19\n")
    tests = ["package receiver", 'import ("net/http"; "testing")']
    for place, (kind, good) in enumerate(CASES):
        secret, headers, body = case(kind)
        sets = "".join(f"h.Set({json.dumps(name)}, {json.dumps(value)});" for name, value in headers.items())
        verified = f"Verify({json.dumps(secret)}, h, []byte({json.dumps(body, ensure_ascii=False)}))"
        wrong = "err != nil" if good else "err == nil"
        tests.append(
            f"func Test{place}(t *testing.T) {{ h := http.Header{{}}; {sets} if err := {verified}; {wrong} "
            f"{{ t.Fatal({json.dumps(kind)}, err) }} }}"
        )
    (tmp_path / "receiver_test.go").write_text("\n".join(tests))
    env = {
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOCACHE": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run([go, "test", "./..."], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
