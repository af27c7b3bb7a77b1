"""The ingestion asset as Dagster runs it."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from orchestration.clients import Client
from orchestration.landing.kinds import STAGING_TABLES
from orchestration.resources import Installation
from orchestration.settings import Settings
from orchestration.stages.ingestion import FILES_ACCEPTED, landing_files
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import rows

SALES = "date,item_id,units_sold\n2024-03-01,tea,3\n"


def materialize(client: Client) -> dg.ExecuteInProcessResult:
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("clients", [client.client_id])
        return dg.materialize(
            [landing_files],
            partition_key=client.client_id,
            resources={"installation": Installation()},
            instance=instance,
            raise_on_error=False,
        )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def test_a_run_loads_the_folder_and_says_what_every_table_got(
    warehouse: Warehouse, settings: Settings, new_client: Callable[..., Client]
) -> None:
    client = new_client()
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True)
    (folder / "sales.csv").write_text(SALES)
    (folder / "products.csv").write_text("item_id,name\ntea,Tea\n")

    result = materialize(client)

    assert result.success
    materialized = {
        event.asset_key.path[1]: event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert materialized.keys() == STAGING_TABLES.keys()
    assert materialized["sales"]["dagster/row_count"].value == 1
    assert materialized["products"]["files"].value == "- `products.csv`"
    assert materialized["prices"]["files"].value == "none"
    assert checks(result)[FILES_ACCEPTED].passed
    assert not checks(result)["feed_is_on_time"].passed
    [(run_id,)] = rows(
        warehouse,
        "select distinct run_id from ops.landing_files where client_id = %s",
        client.client_id,
    )
    assert run_id == result.run_id


def test_a_refused_file_fails_the_run_once_and_the_others_are_loaded(
    warehouse: Warehouse, settings: Settings, new_client: Callable[..., Client]
) -> None:
    client = new_client()
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True)
    (folder / "sales.csv").write_text(SALES)
    (folder / "sales_umsatz.xlsx").write_bytes(b"PK")
    (folder / "sales..csv").write_text(SALES)

    first, second = materialize(client), materialize(client)

    assert not first.success
    description = checks(first)[FILES_ACCEPTED].description or ""
    assert "2 file(s) refused; 1 other(s) loaded and kept." in description
    assert "sales_umsatz.xlsx is named .xlsx but is not a workbook" in description
    assert "sales..csv has '..' in its name" in description
    assert rows(warehouse, "select item_id from staging.sales where client_id = %s", client.client_id) == [
        ("tea",)
    ]
    assert second.success
    assert checks(second)[FILES_ACCEPTED].passed
