"""The doctor: each check by itself, and all of them on real servers."""

from __future__ import annotations

import re
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from churn import bundle, doctor, jars, java, topics, view
from churn.doctor import Check, Finding
from churn.errors import ChurnError
from churn.features import table_hash
from churn.outcomes import OUTCOMES
from churn.settings import Kafka, Redis, Settings, Stream
from streaming import checkpoint
from tests.conftest import Servers

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Settings whose folders and servers are not there."""
    return Settings(
        var=tmp_path / "var",
        models=tmp_path / "models",
        kafka=Kafka(bootstrap=NOWHERE),
        redis=Redis(url=f"redis://name:secret@{NOWHERE}/0"),
        stream=Stream(checkpoint=tmp_path / "checkpoint"),
    )


def seal(models: Path) -> None:
    table = {"hash": table_hash(), "table": bundle.feature_rows()}
    (models / "v7").mkdir(parents=True)
    card = {"version": "v7", "outcomes": list(OUTCOMES), "features": table, "labels": {"horizon_days": 14}}
    bundle.seal(models / "v7", {**card, "thresholds": {"medium": 0.2, "high": 0.4}})
    bundle.use(models, "v7")


def refuse(_: Settings) -> str:
    raise ChurnError("It is ill.", "Mend it.")


def crash(_: Settings) -> str:
    raise KeyError("surprise")


def test_every_check_gives_its_own_finding_in_order(here: Settings) -> None:
    checks = [Check("ill", refuse, ""), Check("odd", crash, "Look."), Check("well", lambda _: "fine", "")]
    assert doctor.run(checks, here, 5.0) == [
        Finding("ill", False, "It is ill.", "Mend it."),
        Finding("odd", False, "cannot be examined (KeyError: 'surprise')", "Look."),
        Finding("well", True, "fine", ""),
    ]


def test_a_check_that_hangs_is_left_alone(here: Settings) -> None:
    release = threading.Event()

    def hang(_: Settings) -> str:
        release.wait(60)
        return "late"

    began_s = time.monotonic()
    found = doctor.run([Check("slow", hang, "Wake it."), Check("well", lambda _: "fine", "")], here, 0.2)
    assert time.monotonic() - began_s < 2
    release.set()
    assert found == [Finding("slow", False, "no answer within 0.2 s", "Wake it."), Finding("well", True, "fine")]


def test_every_check_has_a_remedy_for_its_silence() -> None:
    assert all(check.remedy for check in doctor.CHECKS)
    assert [check.subject for check in doctor.CHECKS] == [
        *("Java", "jars", "Kafka", "Redis", "model", "checkpoint", "disk"),
    ]


def test_it_says_which_java(here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable = tmp_path / "jdk" / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text("#!/bin/sh\necho 'openjdk version \"21.0.8\"' >&2\n")
    executable.chmod(0o755)
    monkeypatch.setattr(java, "java_home", lambda cache: tmp_path / "jdk")
    assert doctor.look_at_java(here) == f"21.0.8 of {tmp_path / 'jdk'}"
    executable.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ChurnError, match="does not start"):
        doctor.look_at_java(here)


def test_wrong_jars_are_counted(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "verify", lambda folder: ["kafka/a.jar is missing.", "kafka/b.jar is missing."])
    with pytest.raises(ChurnError, match=r"^kafka/a\.jar is missing\. And 1 more like it\. .*churn setup"):
        doctor.look_at_jars(here)
    monkeypatch.setattr(jars, "verify", lambda folder: [])
    assert doctor.look_at_jars(here) == f"{len(jars.read_lock(jars.LOCK))} jars, every checksum right"


def test_problems_of_topics_are_told(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "problems", lambda kafka, timeout_ms: ["topic a is missing", "b is c, not d"])
    with pytest.raises(ChurnError, match=r"^topic a is missing; b is c, not d\."):
        doctor.look_at_kafka(here)


def test_no_redis_and_no_password_in_the_message(here: Settings) -> None:
    with pytest.raises(ChurnError, match=r"Redis does not serve at 127\.0\.0\.1:1 ") as caught:
        doctor.look_at_redis(here)
    assert "secret" not in str(caught.value)
    odd = here.model_copy(update={"redis": Redis(url="somewhere")})
    with pytest.raises(ChurnError, match=r"redis\.url is not an address"):
        doctor.look_at_redis(odd)


def test_the_model_is_verified(here: Settings) -> None:
    with pytest.raises(ChurnError, match="There is no model"):
        doctor.look_at_model(here)
    seal(here.models)
    assert doctor.look_at_model(here).startswith("version v7,")
    (here.models / "v7" / "more").write_text("")
    with pytest.raises(ChurnError, match="more is not in the manifest"):
        doctor.look_at_model(here)


def test_the_checkpoint_is_read_and_not_made(here: Settings) -> None:
    folder = here.stream.checkpoint
    assert doctor.look_at_checkpoint(here) == f"none in {folder}: a new epoch will start"
    assert not folder.exists()
    checkpoint.epoch(folder, 2, lambda: 5)
    assert doctor.look_at_checkpoint(here) == f"{folder} counts in epoch 5"


def test_a_full_disk_is_told(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    state = rf"[\d.]+ GB are free below {here.var}; [\d.]+ GB are free below {here.stream.checkpoint}"
    assert re.fullmatch(state, doctor.look_at_disk(here))
    assert not here.var.exists()
    monkeypatch.setattr(doctor, "NEED_BYTES", 1 << 62)
    with pytest.raises(ChurnError, match=f"MB are free below {here.var}.*in the setting var"):
        doctor.look_at_disk(here)


def test_a_full_disk_of_the_checkpoint_alone_is_told(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    here.stream.checkpoint.mkdir(parents=True)
    room = {here.stream.checkpoint: 1_000_000}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=room.get(folder, 1 << 40)))
    with pytest.raises(ChurnError, match=f"1 MB are free below {here.stream.checkpoint}.*setting stream.checkpoint"):
        doctor.look_at_disk(here)


@pytest.mark.servers
def test_nothing_is_there_and_nothing_is_made(here: Settings, installed_jars: jars.Jars, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    began_s = time.monotonic()
    found = {finding.subject: finding for finding in doctor.examine(here)}
    assert time.monotonic() - began_s < doctor.LIMIT_S + 2
    assert {subject for subject, finding in found.items() if not finding.ok} == {"Kafka", "Redis", "model"}
    assert all(finding.ok != bool(finding.remedy) for finding in found.values())
    assert NOWHERE in found["Kafka"].state
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.servers
def test_all_is_well_on_real_servers(here: Settings, servers: Servers, redis_client: Any, topic_prefix: str) -> None:
    kafka = Kafka(
        bootstrap=servers.bootstrap,
        events_topic=f"{topic_prefix}events",
        scores_topic=f"{topic_prefix}scores",
        dead_letters_topic=f"{topic_prefix}dead",
    )
    settings = here.model_copy(update={"kafka": kafka, "redis": Redis(url=servers.redis_url)})
    seal(settings.models)
    [missing] = [finding for finding in doctor.examine(settings) if not finding.ok]
    assert (missing.subject, "is missing" in missing.state) == ("Kafka", True)
    assert len(topics.problems(kafka)) == 3, "the doctor made a topic"

    topics.ensure(kafka)
    assert [finding for finding in doctor.examine(settings) if not finding.ok] == []
    assert redis_client.keys("*") == []


@pytest.mark.servers
def test_a_redis_that_forgets_is_told(here: Settings, servers: Servers, redis_client: redis.Redis) -> None:
    settings = here.model_copy(update={"redis": Redis(url=servers.redis_url)})
    assert "no view yet" in doctor.look_at_redis(settings)
    redis_client.set("churn:schema", view.SCHEMA)
    assert f"a view of layout {view.SCHEMA}" in doctor.look_at_redis(settings)
    redis_client.set("churn:schema", "0")
    with pytest.raises(ChurnError, match="a view of layout 0; this release reads"):
        doctor.look_at_redis(settings)
    redis_client.delete("churn:schema")
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ChurnError, match="maxmemory-policy is allkeys-lru, not noeviction"):
            doctor.look_at_redis(settings)
    finally:
        redis_client.config_set("maxmemory-policy", "noeviction")
