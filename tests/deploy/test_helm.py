"""The values for Dagster's chart: the same rules as on one machine, the same program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import yaml

from orchestration.running.supervisor import CODE_LOCATION
from tests.deploy.files import DEPLOY, OF_OTHERS, OF_THE_PROJECT, ROOT, instructions, problem_of_command, read

VALUES = read("helm-values.yaml")
RULES = yaml.safe_load((ROOT / "orchestration/running/dagster.yaml").read_text(encoding="utf-8"))
(DEPLOYMENT,) = VALUES["dagster-user-deployments"]["deployments"]
MANIFESTS = {
    manifest["metadata"]["name"] + manifest["kind"]: manifest for manifest in VALUES["extraManifests"]
}


def pods() -> Iterator[dict[str, Any]]:
    """The pods of the extra manifests."""
    for manifest in MANIFESTS.values():
        if "template" in manifest["spec"]:
            yield manifest["spec"]["template"]["spec"]


def test_the_instances_rules_are_those_of_one_machine() -> None:
    telemetry = {"telemetry": VALUES["telemetry"]}
    assert {**VALUES["additionalInstanceConfig"], **telemetry} == RULES


def test_the_chart_writes_none_of_them_a_second_time() -> None:
    daemon = VALUES["dagsterDaemon"]
    assert not any(daemon[part]["enabled"] for part in ("runCoordinator", "runMonitoring", "runRetries"))
    assert not any(daemon[part]["useThreads"] for part in ("sensors", "schedules"))
    assert not VALUES["retention"]["enabled"]
    assert not VALUES.get("concurrency", {}).get("enabled", False)


def test_the_chart_is_of_the_version_of_dagster() -> None:
    text = (DEPLOY / "helm-values.yaml").read_text(encoding="utf-8")
    assert re.findall(r"--version (\S+)", text) == [version("dagster")]


def test_the_storage_is_reached_with_the_driver_that_dagster_speaks() -> None:
    assert VALUES["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert not VALUES["postgresql"]["enabled"]
    assert not VALUES["generatePostgresqlPasswordSecret"]
    assert "postgresqlPassword" not in VALUES["postgresql"]


def test_variables_and_folders_are_those_of_the_image() -> None:
    assert set(DEPLOYMENT["env"]) <= OF_THE_PROJECT | OF_OTHERS
    image = dict(re.findall(r"(\w+)=(\S+)", " ".join(text for name, text in instructions() if name == "ENV")))
    shared = set(DEPLOYMENT["env"]) & set(image)
    assert {name: DEPLOYMENT["env"][name] for name in shared} == {name: image[name] for name in shared}
    mounted = {mount["mountPath"] for mount in DEPLOYMENT["volumeMounts"]}
    assert mounted == {
        image[n] for n in ("FORECASTER_HOME", "FORECASTER_LANDING_DIR", "FORECASTER_REPORTS_DIR")
    }
    for pod in pods():
        (container,) = pod["containers"]
        assert {variable["name"] for variable in container.get("env", [])} <= OF_THE_PROJECT | OF_OTHERS
        assert container["volumeMounts"] == DEPLOYMENT["volumeMounts"]


def test_commands_would_start() -> None:
    code_server = [
        *("dagster", "code-server", "start", "--host", "0.0.0.0", "--port", str(DEPLOYMENT["port"])),
        *DEPLOYMENT["codeServerArgs"],
    ]
    commands = [code_server, *(container["command"] for pod in pods() for container in pod["containers"])]
    assert [problem for command in commands if (problem := problem_of_command(command))] == []
    assert DEPLOYMENT["codeServerArgs"][1::2] == ["orchestration.definitions", CODE_LOCATION]


def test_no_secret_is_written_down() -> None:
    named = {
        source["secretRef"]["name"]
        for pod in pods()
        for container in pod["containers"]
        for source in container["envFrom"]
    }
    assert named == {"forecaster-database", "forecaster-api"}
    assert [source["name"] for source in DEPLOYMENT["envSecrets"]] == ["forecaster-database"]
    assert not re.search(r"(PASSWORD|KEY|URL): *\S", yaml.safe_dump(VALUES))


@pytest.mark.parametrize("part", ["dagsterWebserver", "dagsterDaemon"])
def test_nobody_is_root(part: str) -> None:
    (user,) = [text for name, text in instructions() if name == "USER"]
    for pod in [
        DEPLOYMENT["podSecurityContext"],
        VALUES[part]["podSecurityContext"],
        *(p["securityContext"] for p in pods()),
    ]:
        assert pod["runAsNonRoot"]
        assert f"{pod['runAsUser']}:{pod['runAsGroup']}" == user
    assert VALUES["dagsterWebserver"]["service"]["port"] > 1024


def test_the_webserver_is_behind_a_login_and_the_api_on_its_port() -> None:
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    annotations = VALUES["ingress"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/auth-type"] == "basic"
    assert VALUES["ingress"]["dagsterWebserver"]["tls"]["enabled"]
    (container,) = MANIFESTS["forecaster-apiDeployment"]["spec"]["template"]["spec"]["containers"]
    (port,) = MANIFESTS["forecaster-apiService"]["spec"]["ports"]
    assert str(port["targetPort"]) == container["command"][-1]
    assert {container[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} == {
        port["targetPort"]
    }


def test_one_version_of_the_image_is_named() -> None:
    own = VALUES["dagster-user-deployments"]["deployments"][0]["image"]
    name = f"{own['repository']}:{own['tag']}"
    assert own["tag"] == version("forecaster")
    assert {container["image"] for pod in pods() for container in pod["containers"]} == {name}
    assert VALUES["dagsterWebserver"]["image"] == VALUES["dagsterDaemon"]["image"] == own
