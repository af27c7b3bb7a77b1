"""The views people query: documented, confined to their reader's rows, and right on a small example."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import ARRAY, Boolean, Date, DateTime, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from forecasting_lib.panel import QUANTILE_COLUMNS
from orchestration.clients import Client, add_client, validated
from orchestration.stages.dbt import build_views
from orchestration.stages.demand import REPORTING_VIEWS
from orchestration.stages.quality import QUALITY_KEY
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import metadata
from tests.dbt_project.conftest import fetch

VIEWS = sorted(key.path[-1] for key in [*(spec.key for spec in REPORTING_VIEWS), QUALITY_KEY])
AS_OF = date(2024, 3, 1)
WORKLIST = [
    *(
        "priority_rank",
        "urgency",
        "action",
        "item_id",
        "location_id",
        "supplier_id",
        "order_qty",
        "order_date",
    ),
    *("receipt_date", "order_value", "on_hand_qty", "on_order_qty", "dir_days", "stockout_date"),
    *("reorder_point_qty", "stockout_prob_lt", "value_at_risk", "abc_xyz_class", "reason", "flags"),
]


def _filler(type_: Any) -> Any:
    """A value that fills a column nobody asked for."""
    known: list[tuple[type, Any]] = [
        (ARRAY, []),
        (JSONB, "{}"),
        (Boolean, False),
        (DateTime, datetime(2024, 3, 2, tzinfo=UTC)),
        (Date, AS_OF),
        (Uuid, uuid.uuid4()),
        (Text, "filler"),
    ]
    return next((value for kind, value in known if isinstance(type_, kind)), 0)


def _insert(connection: psycopg.Connection[Any], table: str, **values: Any) -> None:
    """Insert one row; required columns that are not named get a filler."""
    columns = metadata.tables[f"analytics.{table}"].columns
    required = [c for c in columns if not c.nullable and c.server_default is None and c.computed is None]
    row = {**{c.name: _filler(c.type) for c in required}, **values}
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier("analytics", table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
        ),
        row,
    )


def _publish(warehouse: Warehouse, client_id: str) -> None:
    """An outdated and a current run of two models, their scores, one plan line, two days of demand."""
    series = {"client_id": client_id, "item_id": "tea", "location_id": "north"}
    runs = {day: str(uuid.uuid4()) for day in (date(2024, 2, 1), AS_OF)}
    quantiles = {
        c.name: 2.0 for c in metadata.tables["analytics.forecast_results"].columns if c.name[1:].isdigit()
    }
    with warehouse.transaction() as connection:
        for as_of, run_id in runs.items():
            for model in ("ma7", "seasonal_naive"):
                key = {"client_id": client_id, "run_id": run_id, "model": model}
                _insert(
                    connection,
                    "forecast_runs",
                    **key,
                    as_of_date=as_of,
                    horizon_days=2,
                    status="published",
                    is_current=True,
                    is_champion=model == "ma7",
                )
                for lag in (1, 2):
                    day = date.fromordinal(as_of.toordinal() + lag)
                    values = {"date": day, "lag_days": lag, "mean_qty": 3.0, "point_qty": 2.0}
                    _insert(connection, "forecast_results", **key | series | values | quantiles)
                _insert(connection, "scorings", **key, as_of_date=as_of, is_current=True)
                _insert(
                    connection,
                    "score_totals",
                    **key | {"grain": "client", "grain_key": client_id},
                    lag_bucket="all",
                    n_rows=2,
                    sum_actual_qty=8.0,
                    sum_forecast_qty=6.0,
                    sum_abs_error_qty=4.0 if as_of == AS_OF else 2.0,
                    sum_squared_error=2.0,
                )
        for day_of_month, demand, masked in ((2, 5, False), (3, 0, True)):
            _insert(
                connection,
                "ts_demand_daily",
                **series,
                date=date(2024, 3, day_of_month),
                demand_qty=demand,
                unit_price=2,
                is_masked=masked,
                is_stocked_out=masked,
            )
        _insert(connection, "dim_item", client_id=client_id, item_id="tea", name="Green tea")
        _insert(connection, "dim_location", client_id=client_id, location_id="north", name="North")
        _insert(connection, "dim_series", **series, first_sale_date=date(2024, 3, 2), history_days=2)
        for as_of in runs:
            run_id = str(uuid.uuid4())
            _insert(
                connection,
                "inventory_runs",
                client_id=client_id,
                run_id=run_id,
                as_of_date=as_of,
                is_current=True,
            )
            key = {"run_id": run_id, **series}
            _insert(
                connection,
                "inventory_metrics",
                **key,
                as_of_date=as_of,
                on_hand_qty=7,
                abc_class="A",
                xyz_class="Z",
            )
            _insert(connection, "replenishment_plan", **key, line_no=1, order_qty=12, priority_rank=1)
            _insert(connection, "stock_projection", **key, date=AS_OF, lag_days=1)


def _publish_backtest(connection: psycopg.Connection[Any], client_id: str) -> None:
    """One model, judged at one origin of one series."""
    judged = {"client_id": client_id, "run_id": str(uuid.uuid4()), "model": "ma7"}
    series = {"item_id": "tea", "location_id": "north"}
    run = {**judged, "grain": "day", "status": "published", "first_origin_date": AS_OF}
    _insert(connection, "backtest_runs", **run, is_current=True)
    _insert(connection, "backtest_scores", **judged | series, origin_date=AS_OF, n_rows=1, lag_bucket="1")


@pytest.fixture(scope="module")
def readers(warehouse: Warehouse) -> tuple[Client, Client]:
    clients = [validated(client_id=f"view_{n}", name=f"View {n}", models=["ma7"]) for n in (1, 2)]
    for client in clients:
        add_client(warehouse, client)
        _publish(warehouse, client.client_id)
        with warehouse.transaction() as connection:
            _publish_backtest(connection, client.client_id)
    return clients[0], clients[1]


def _as_tenant(warehouse: Warehouse, client: Client, query: str) -> list[dict[str, Any]]:
    with warehouse.connect_admin() as connection:
        role = sql.Identifier(warehouse.roles.client(client.client_id))
        connection.execute(sql.SQL("grant {} to current_user").format(role))
        connection.execute(sql.SQL("set local role {}").format(role))
        cursor = connection.execute(query.encode())
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@pytest.mark.parametrize("view", VIEWS)
def test_a_tenant_sees_its_own_rows_only(
    view: str, warehouse: Warehouse, readers: tuple[Client, Client]
) -> None:
    for reader in readers:
        rows = _as_tenant(warehouse, reader, f"select * from analytics.{view}")
        assert {row["client_id"] for row in rows} == {reader.client_id}


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_and_column_is_commented_in_the_database(view: str, warehouse: Warehouse) -> None:
    silent = fetch(
        warehouse,
        """
        select attname from pg_attribute
        where attrelid = %s::regclass and attnum > 0 and col_description(attrelid, attnum) is null
        union all
        select 'the view' where obj_description(%s::regclass) is null
        """,
        f"analytics.{view}",
        f"analytics.{view}",
    )
    assert silent == []


def test_building_the_views_again_keeps_grants_and_row_level_security(
    warehouse: Warehouse, readers: tuple[Client, Client]
) -> None:
    build_views(warehouse)
    rows = _as_tenant(warehouse, readers[0], "select * from analytics.planner_worklist")
    assert {row["client_id"] for row in rows} == {readers[0].client_id}


def test_current_forecasts_are_the_champions_of_the_latest_as_of_date(
    warehouse: Warehouse, readers: tuple[Client, Client]
) -> None:
    rows = _as_tenant(warehouse, readers[0], "select * from analytics.forecast_results_current order by date")
    assert [(row["model"], row["as_of_date"], row["lag_days"]) for row in rows] == [
        ("ma7", AS_OF, 1),
        ("ma7", AS_OF, 2),
    ]
    assert rows[0]["item_name"] == "Green tea"
    models = _as_tenant(
        warehouse, readers[0], "select model, as_of_date from analytics.forecast_runs_current"
    )
    assert models == [{"model": model, "as_of_date": AS_OF} for model in ("ma7", "seasonal_naive")]


@pytest.mark.parametrize(
    ("view", "quantiles"),
    [("forecast_results_current", QUANTILE_COLUMNS), ("forecast_vs_actual", QUANTILE_COLUMNS[1:-1])],
)
def test_the_quantiles_follow_the_mean_in_the_order_of_the_grid(
    view: str, quantiles: tuple[str, ...], warehouse: Warehouse, readers: tuple[Client, Client]
) -> None:
    columns = list(_as_tenant(warehouse, readers[0], f"select * from analytics.{view} limit 1")[0])
    first = columns.index("mean_qty") + 1
    assert columns[first : first + len(quantiles)] == list(quantiles)
    assert not [name for name in columns[first + len(quantiles) :] if name in QUANTILE_COLUMNS]


def test_a_masked_actual_has_no_error(warehouse: Warehouse, readers: tuple[Client, Client]) -> None:
    rows = _as_tenant(
        warehouse,
        readers[0],
        """
        select lag_days, actual_qty, is_masked, error_qty, absolute_error_qty
        from analytics.forecast_vs_actual where model = 'ma7' order by lag_days
        """,
    )
    assert [tuple(row.values()) for row in rows] == [(1, 5, False, -2.0, 3.0), (2, 0, True, None, None)]


def test_model_accuracy_pools_sums_over_runs(warehouse: Warehouse, readers: tuple[Client, Client]) -> None:
    rows = _as_tenant(warehouse, readers[0], "select * from analytics.model_accuracy where model = 'ma7'")
    assert [(row["n_runs"], row["wape"], row["bias"], row["mae_qty"]) for row in rows] == [
        (2, 6 / 16, -4 / 16, 6 / 4)
    ]


def test_the_worklist_has_the_planners_columns_in_their_order(
    warehouse: Warehouse, readers: tuple[Client, Client]
) -> None:
    (row,) = _as_tenant(warehouse, readers[0], "select * from analytics.planner_worklist")
    assert list(row)[:20] == WORKLIST
    assert (row["order_qty"], row["on_hand_qty"], row["abc_xyz_class"], row["item_name"]) == (
        12,
        7,
        "AZ",
        "Green tea",
    )


def test_freshness_and_summary_speak_of_the_last_demand_day(
    warehouse: Warehouse, readers: tuple[Client, Client]
) -> None:
    (fresh,) = _as_tenant(warehouse, readers[0], "select * from analytics.data_freshness")
    assert (fresh["last_demand_date"], fresh["last_forecast_as_of_date"]) == (date(2024, 3, 3), AS_OF)
    (summary,) = _as_tenant(warehouse, readers[0], "select * from analytics.demand_summary")
    assert (summary["demand_28d_qty"], summary["revenue_28d_value"], summary["masked_days_28d"]) == (5, 10, 1)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_sum_of_estimates_does_not_depend_on_the_order_of_rows(
    warehouse: Warehouse, newest_first: bool
) -> None:
    lost = [6.7, 42.4, 38.2, 12.8, 24.8, 22.5]
    assert sum(lost) != sum(reversed(lost))
    client_id = f"summed_{'down' if newest_first else 'up'}"
    add_client(warehouse, validated(client_id=client_id, name="Summed"))
    series = {"client_id": client_id, "item_id": "tea", "location_id": "north"}
    numbered = list(enumerate(lost, start=1))
    with warehouse.transaction() as connection:
        for number, value in reversed(numbered) if newest_first else numbered:
            day, month = date(2024, 3, number), date(2023, 6 + number, 1)
            _insert(connection, "ts_demand_daily", **series, date=day, is_masked=True, lost_sales_qty=value)
            _insert(connection, "demand_by_month", **series, month=month, lost_sales_qty=value)
        first = {"first_sale_date": date(2024, 3, 1), "history_days": len(lost)}
        _insert(connection, "dim_series", **series, **first)
        row = connection.execute(
            """
            select lost_sales_28d_qty, lost_sales_365d_qty from analytics.demand_summary
            where client_id = %s
            """,
            (client_id,),
        ).fetchone()
    assert row == (sum(lost), sum(lost))
