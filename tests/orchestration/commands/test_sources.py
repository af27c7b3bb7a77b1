"""``forecaster source``: what the page about it shows works, and a mistake is answered in a sentence."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.clients import Client, get_client
from orchestration.warehouse.server import Warehouse
from tests.docs.pages import ROOT, code_blocks

NewClient = Callable[..., Client]
PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
[QUERY] = [block.code for block in code_blocks(PAGE) if block.language == "sql"]


def forecaster(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def shown_on_the_page() -> list[list[str]]:
    """The words of every ``forecaster source set`` that a reader may copy, the program's name left out."""
    typed = "".join(block.code for block in code_blocks(PAGE) if block.language == "sh").replace("\\\n", " ")
    words = shlex.split(typed)
    starts = [n for n, word in enumerate(words) if word == "forecaster"] + [len(words)]
    commands = [words[start + 1 : end] for start, end in pairwise(starts)]
    return [
        [QUERY if word == "$(cat erp_sales.sql)" else word for word in command]
        for command in commands
        if command[:2] == ["source", "set"]
    ]


def test_every_source_of_the_page_can_be_set(new_client: NewClient, warehouse: Warehouse) -> None:
    client = new_client().client_id
    commands = shown_on_the_page()
    assert len(commands) >= 6
    for command in commands:
        answer = forecaster(*(client if word == "acme" else word for word in command))
        assert answer.exit_code == 0, (command, answer.output)
    sources = get_client(warehouse, client).sources
    assert set(sources) == {"shop", "bucket", "exports", "erp"}
    assert set(sources["shop"].options) == {"key_filename", "host_key"}
    assert (sources["erp"].query, sources["erp"].overlap_days) == (QUERY, 7)
    assert sources["erp"].cron == "30 4 * * *"
    listed = forecaster("source", "list", client).stdout
    assert all(word in listed for word in ("${ACME_S3_SECRET}", "last pulled", "never"))


def test_files_are_pulled_from_the_command_line_and_listed(new_client: NewClient, tmp_path: Path) -> None:
    client = new_client().client_id
    (tmp_path / "sales_1.csv").write_text("date,item_id,location_id,units_sold\n2026-03-01,tea,main,3\n")
    (tmp_path / "sales..2.csv").write_text("x")
    assert forecaster("source", "set", client, "shop", "--url", f"file://{tmp_path}/*.csv").exit_code == 0
    pulled = forecaster("source", "pull", client)
    assert pulled.exit_code == 0
    assert "shop: 1 file(s), 58 bytes\n  shop/sales_1.csv" in pulled.stdout
    assert "has '..' in its name" in pulled.stdout
    assert f"Next: forecaster run --client {client}" in pulled.stderr
    assert "shop: nothing new" in forecaster("source", "pull", client, "shop").stdout
    assert "shop/sales_1.csv" in forecaster("source", "pull", client, "--anew").stdout
    assert "shop/sales_1.csv" in forecaster("source", "list", client).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "shop"), "name at least one setting"),
        (("set", "Shop", "--url", "file:///a/*.csv"), "'Shop' cannot be a source's name"),
        (("set", "shop", "--cron", "0 5 * * *"), "url: Field required"),
        (("set", "shop", "--url", "file:///a/*.csv", "--option", "hunter2"), "an --option is NAME=VALUE"),
        (
            ("set", "shop", "--url", "sqlite:///a", "--kind", "gossip", "--query", "select 1"),
            "There is no kind 'gossip' of rows; there are products,",
        ),
        (("pull", "shop"), "has no source 'shop'. Its sources: none; 'forecaster source set' adds one."),
        (("remove", "shop"), "has no source 'shop'. Its sources: none."),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(
    new_client: NewClient, arguments: tuple[str, ...], said: str
) -> None:
    command, *rest = arguments
    answer = forecaster("source", command, new_client().client_id, *rest)
    assert answer.exit_code in (1, 2)
    assert said in " ".join(answer.output.replace("│", " ").split())
    assert "hunter2" not in answer.output


def test_a_client_without_sources_is_told_how_to_add_one(new_client: NewClient) -> None:
    client = new_client().client_id
    for command in ("list", "pull"):
        answer = forecaster("source", command, client)
        assert answer.exit_code == 0
        assert f"{client} has no source; 'forecaster source set' adds one." in answer.stderr


def test_an_option_is_taken_back_alone(new_client: NewClient, warehouse: Warehouse) -> None:
    client = new_client().client_id
    options = ("--option", "port=22", "--option", "timeout=5")
    forecaster("source", "set", client, "shop", "--url", "sftp://files.example.com/*.csv", *options)
    forecaster("source", "set", client, "shop", "--option", "port=")
    assert get_client(warehouse, client).sources["shop"].options == {"timeout": "5"}
