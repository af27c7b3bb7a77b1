"""The services on one machine: commands that exist, variables that are read, closed but for one port."""

from __future__ import annotations

import re
import subprocess
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml

from orchestration.diagnosis.server import SECURITY_RELEASES
from orchestration.running.supervisor import CODE_LOCATION
from orchestration.settings import SECRET_FILES, Settings
from orchestration.warehouse.cluster import server_programs
from tests.deploy.files import (
    DEPLOY,
    IN_THE_IMAGE,
    OF_OTHERS,
    OF_THE_PROJECT,
    instructions,
    merged,
    problem_of_command,
    read,
)

ONE = read("compose.yaml")
WITH_RAY = merged(ONE, read("compose.ray.yaml"))

OURS = {"migrate", "code-server", "webserver", "daemon", "api"}
SHAPES_THE_INSTANCE = {"FORECASTER_RUN_LAUNCHER", "FORECASTER_RUN_LAUNCHER_CONFIG", "FORECASTER_RUNS_AT_ONCE"}
"""What ``dagster.yaml`` says besides the databases; every service writes that file where it differs."""

each_file = pytest.mark.parametrize("compose", [ONE, WITH_RAY], ids=["one", "ray"])


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services of the project's own image."""
    return {name: s for name, s in compose["services"].items() if s["image"].startswith("forecaster:")}


def test_all_parts_are_there_and_one_daemon() -> None:
    assert set(ONE["services"]) == {*OURS, "postgres", "proxy"}
    assert set(ours(ONE)) == OURS
    assert set(ours(WITH_RAY)) == {*OURS, "ray-head", "ray-worker"}
    daemons = [name for name, s in ONE["services"].items() if "dagster-daemon" in s.get("command", [])]
    assert daemons == ["daemon"]
    assert "deploy" not in ONE["services"]["daemon"]


@each_file
def test_commands_and_checks_would_start(compose: dict[str, Any]) -> None:
    commands = [
        command
        for service in ours(compose).values()
        for command in (
            service["command"],
            service["healthcheck"].get("test", ["CMD", "python", "-c", ""])[1:],
        )
    ]
    assert [problem for command in commands if (problem := problem_of_command(command))] == []
    named = {word for command in commands for word in command if word.endswith(".yaml")}
    assert named == set(IN_THE_IMAGE)
    copies = {text.split()[-1]: text.split()[0] for name, text in instructions() if name == "COPY"}
    assert {path: f"deploy/{file.name}" for path, file in IN_THE_IMAGE.items()}.items() <= copies.items()


@each_file
def test_variables_are_read_by_the_project_or_by_what_it_stands_on(compose: dict[str, Any]) -> None:
    for service in ours(compose).values():
        assert set(service["environment"]) <= OF_THE_PROJECT | OF_OTHERS
        assert service["environment"]["ENVIRONMENT"] == "production"


@each_file
def test_every_service_means_the_same_instance(compose: dict[str, Any]) -> None:
    told = [
        {name: service["environment"].get(name) for name in SHAPES_THE_INSTANCE}
        for service in ours(compose).values()
    ]
    assert all(one == told[0] for one in told)


@each_file
def test_nobody_is_root_or_has_more_rights_than_it_needs(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("user") == ("postgres" if name == "postgres" else None), name
        assert service.get("privileged") is None, name


@each_file
def test_only_the_proxy_is_reached_from_outside(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["proxy"]
    assert "proxy" not in compose["networks"]["inside"]
    assert compose["networks"]["inside"]["internal"]
    assert compose["networks"]["front"]["internal"]
    assert "inside" not in compose["services"]["proxy"]["networks"]
    reached = {name for name, service in compose["services"].items() if "front" in service["networks"]}
    assert reached == {"webserver", "api", "proxy"}


@each_file
def test_no_secret_is_written_down_and_each_has_a_file(compose: dict[str, Any]) -> None:
    assert set(compose["secrets"]) == {
        name for s in compose["services"].values() for name in s.get("secrets", [])
    }
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"secrets/{name}"}
    for service in ours(compose).values():
        assert "DATABASE_URL" in service["secrets"]
        assert set(service["secrets"]) <= OF_THE_PROJECT | {"RAY_AUTH_TOKEN"}
        if "RAY_AUTH_TOKEN_PATH" in service["environment"]:
            assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/RAY_AUTH_TOKEN"
            assert "RAY_AUTH_TOKEN" in service["secrets"]
    for text in (yaml.safe_dump(compose), (DEPLOY / "Dockerfile").read_text(encoding="utf-8")):
        assert not re.search(
            r"(PASSWORD|SECRET_KEY|DATABASE_URL)[\"']?[:=] *[\"']?(?!/run/secrets|\n)\w", text
        )
    assert str(SECRET_FILES) == "/run/secrets"


@each_file
def test_every_service_that_stays_says_whether_it_is_well(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "migrate":
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert {"interval", "timeout", "start_period"} <= set(service["healthcheck"]), name


@each_file
def test_what_is_waited_for_is_a_service_that_can_be_waited_for(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in compose["services"], name
            ends = wanted["condition"] == "service_completed_successfully"
            assert ends == (other == "migrate"), name
    for service in ours(compose).values():
        assert {"migrate", "postgres", "ray-head"} & set(service["depends_on"])


@each_file
def test_volumes_networks_and_files_are_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in compose["volumes"], (
                name
            )
        assert set(service["networks"]) <= set(compose["networks"]), name
        for config in service.get("configs", []):
            assert (DEPLOY / compose["configs"][config["source"]]["file"]).is_file(), name
    written = {
        str(default)
        for text in (t for n, t in instructions() if n == "ENV")
        for default in re.findall(r"=(/srv\S+)", text)
    }
    for service in ours(compose).values():
        assert written <= {volume.split(":")[1] for volume in service["volumes"]}


def test_the_webserver_is_asked_where_the_proxy_looks_for_it() -> None:
    proxy = (DEPLOY / "proxy.conf.template").read_text(encoding="utf-8")
    asked = dict(re.findall(r"proxy_pass http://([\w-]+):(\d+);", proxy))
    assert asked == {
        "webserver": ONE["services"]["webserver"]["command"][6],
        "api": ONE["services"]["api"]["command"][-1],
    }
    assert set(re.findall(r"\$\{(\w+)\}", proxy)) == set(ONE["services"]["proxy"]["environment"])
    assert set(re.findall(r"/run/secrets/(\w+)", proxy)) == set(ONE["services"]["proxy"]["secrets"])
    (ui,) = [block for block in proxy.split("\nserver {") if "webserver" in block]
    assert 'auth_basic "' in ui
    assert "auth_basic_user_file /run/secrets/OPERATORS;" in ui
    assert {f"${{{name}" for name in ("UI_HOST",)} == {"${UI_HOST"}
    assert ONE["services"]["webserver"]["environment"]["FORECASTER_UI_HOSTS"].startswith("${UI_HOST:?")


def test_the_proxys_word_is_believed_and_nobody_elses() -> None:
    address = ONE["services"]["proxy"]["networks"]["front"]["ipv4_address"]
    (network,) = ONE["networks"]["front"]["ipam"]["config"]
    assert ip_address(address) in ip_network(network["subnet"])
    assert ONE["services"]["api"]["environment"]["FORWARDED_ALLOW_IPS"] == address


def test_the_code_server_is_where_the_workspace_says() -> None:
    (server,) = read("workspace.yaml")["load_from"]
    command = ONE["services"][server["grpc_server"]["host"]]["command"]
    assert f"--port={server['grpc_server']['port']}" in command
    assert f"--location-name={server['grpc_server']['location_name']}" in command
    assert server["grpc_server"]["location_name"] == CODE_LOCATION


def test_the_database_has_no_known_hole_and_is_one_that_the_images_programs_can_back_up() -> None:
    image = re.fullmatch(r"postgres:(\d+)\.(\d+)-\w+", ONE["services"]["postgres"]["image"])
    assert image
    major, minor = map(int, image.groups())
    assert minor >= SECURITY_RELEASES[major]
    dump = subprocess.run(
        [server_programs() / "pg_dump", "--version"], capture_output=True, text=True, check=True
    )
    assert major <= int(re.findall(r"(\d+)\.\d+", dump.stdout)[0])


def test_the_launchers_settings_name_the_head_of_the_cluster(tmp_path: Any) -> None:
    address = read("ray-launcher.yaml")["address"]
    head = WITH_RAY["services"]["ray-head"]["command"]
    assert f"--dashboard-port={address.rpartition(':')[2]}" in head
    assert address.startswith("http://ray-head:")
    mounted = {config["target"] for config in WITH_RAY["services"]["code-server"]["configs"]}
    assert mounted == {WITH_RAY["services"]["code-server"]["environment"]["FORECASTER_RUN_LAUNCHER_CONFIG"]}
    assert Settings.model_fields["run_launcher"].default == "local"
