"""What is staged, counted and kept of deliveries is what writing them row by row gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.clients import Client
from orchestration.landing.kinds import KINDS, STAGING_TABLES
from orchestration.landing.withdrawal import withdraw
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import checksum, deliver, rows

VALUES = ("units_sold", "unit_price", "on_promotion")
Key = tuple[str, str, str]


@dataclass
class Staged:
    """A client's sales as a table that is written row by row, and what became of its last delivery."""

    rows: dict[Key, dict[str, Any]] = field(default_factory=dict)
    loaded: int = 0
    restated: int = 0
    units: Decimal = Decimal(0)
    replaced: list[tuple[Key, Decimal, Decimal]] = field(default_factory=list)

    def take(self, lines: Mapping[Key, Mapping[str, Any]]) -> None:
        self.loaded = self.restated = 0
        self.units = Decimal(0)
        self.replaced = []
        for key, values in lines.items():
            was = self.rows.get(key)
            if was is not None and all(was[name] == value for name, value in values.items()):
                continue
            if was is not None:
                self.restated += 1
                self.replaced.append((key, was["units_sold"], values["units_sold"]))
            self.rows[key] = {**(was or dict.fromkeys(VALUES)), **values}
            self.loaded += 1
            self.units += values["units_sold"]


def added_up(lines: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """The lines of a file with those of one key added up, prices weighted by the size of the line."""
    keys = dict.fromkeys(line["key"] for line in lines)
    return {key: total([line for line in lines if line["key"] == key]) for key in keys}


def total(lines: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"units_sold": sum((line["units_sold"] for line in lines), Decimal(0))}
    if "unit_price" in lines[0]:
        priced = [line for line in lines if line["unit_price"] is not None]
        weight = sum(abs(line["units_sold"]) for line in priced)
        if not priced:
            found["unit_price"] = None
        elif weight:
            found["unit_price"] = rounded(
                sum(line["unit_price"] * abs(line["units_sold"]) for line in priced) / weight
            )
        else:
            found["unit_price"] = rounded(sum(line["unit_price"] for line in priced) / len(priced))
    if "on_promotion" in lines[0]:
        said = [line["on_promotion"] for line in lines if line["on_promotion"] is not None]
        found["on_promotion"] = any(said) if said else None
    return found


def rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def random_lines(rng: random.Random, days: range) -> list[dict[str, Any]]:
    carried = [name for name in VALUES[1:] if rng.random() < 0.6]
    lines = []
    for _ in range(rng.choice([1, 4, 25])):
        key = (
            f"2024-03-{rng.choice(days):02}",
            rng.choice(["tea", "jam", "käse"]),
            rng.choice(["r1", "r2"]),
        )
        line: dict[str, Any] = {"key": key, "units_sold": Decimal(rng.choice([-2, 0, 1, 1, 3]))}
        if "unit_price" in carried:
            line["unit_price"] = rng.choice([None, Decimal("1.5"), Decimal("0.0001"), Decimal("2.33")])
        if "on_promotion" in carried:
            line["on_promotion"] = rng.choice([None, True, False])
        lines.append(line)
    return lines


def written(lines: list[dict[str, Any]]) -> str:
    names = [name for name in VALUES if name in lines[0]]
    texts = [",".join(["date", "item_id", "order_id", *names])]
    for line in lines:
        cells = ["" if line[name] is None else str(line[name]).lower() for name in names]
        texts.append(",".join([*line["key"], *cells]))
    return "\n".join(texts) + "\n"


def staged(warehouse: Warehouse, client: Client) -> dict[Key, dict[str, Any]]:
    return {
        (day, item, order): dict(zip(VALUES, values, strict=True))
        for day, item, order, *values in rows(
            warehouse,
            """
            select date::text, item_id, order_id, units_sold, unit_price, on_promotion
            from staging.sales where client_id = %s
            """,
            client.client_id,
        )
    }


@pytest.mark.parametrize("seed", range(12))
def test_deliveries_of_order_lines_are_staged_as_row_by_row(
    seed: int, warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    rng = random.Random(seed)
    client, expected = new_client(currency="EUR"), Staged()
    for number in range(4):
        lines = random_lines(rng, rng.choice([range(1, 4), range(1, 3), range(3, 7), range(8, 9)]))
        before = checksum(warehouse, client, ())
        outcome = deliver(warehouse, client, tmp_path, f"sales_{number}.csv", written(lines))
        expected.take(added_up(lines))

        assert outcome.status == "loaded", outcome.message
        assert (outcome.rows_loaded, outcome.rows_restated) == (expected.loaded, expected.restated)
        assert outcome.units_loaded == expected.units
        assert staged(warehouse, client) == expected.rows
        kept = rows(
            warehouse,
            """
            select date::text, item_id, order_id, old_units_sold, new_units_sold
            from ops.restated_sales where file_id = %s
            """,
            outcome.file_id,
        )
        assert sorted(kept) == sorted((*key, was, now) for key, was, now in expected.replaced)
        if number == 3:
            withdraw(warehouse, client, str(outcome.file_id), tmp_path)
            assert checksum(warehouse, client, ()) == before


def test_a_mean_price_that_was_rounded_is_the_same_when_it_comes_again(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(currency="EUR")
    text = "date,item_id,order_id,units_sold,unit_price\n2024-03-01,tea,r1,1,1\n2024-03-01,tea,r1,2,2\n"
    deliver(warehouse, client, tmp_path, "sales_1.csv", text)
    again = deliver(warehouse, client, tmp_path, "sales_2.csv", f"{text}2024-03-02,tea,r2,1,1\n")
    assert (again.rows_loaded, again.rows_restated) == (1, 0)
    assert rows(warehouse, "select 1 from ops.restated_sales where file_id = %s", again.file_id) == []
    assert rows(warehouse, "select 1 from ops.replaced_rows where file_id = %s", again.file_id) == []
    withdraw(warehouse, client, "sales_2.csv", tmp_path)
    assert len(staged(warehouse, client)) == 1


def test_a_file_of_keys_alone_adds_those_that_are_not_there(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    deliver(warehouse, client, tmp_path, "products_1.csv", "item_id,name\ntea,Tea\n")
    outcome = deliver(warehouse, client, tmp_path, "products_2.csv", "item_id\ntea\njam\n")
    assert (outcome.rows_loaded, outcome.rows_restated) == (1, 0)
    assert rows(
        warehouse,
        "select item_id, name from staging.products where client_id = %s order by 1",
        client.client_id,
    ) == [("jam", None), ("tea", "Tea")]


def test_the_keys_of_the_kinds_are_those_of_their_tables(warehouse: Warehouse) -> None:
    for kind in KINDS:
        declared = STAGING_TABLES[kind.table].primary_key.columns.keys()
        [(columns,)] = rows(
            warehouse,
            """
            select array_agg(attname::text order by place)
            from pg_index
            cross join unnest(indkey) with ordinality as indexed (number, place)
            inner join pg_attribute on attrelid = indrelid and attnum = indexed.number
            where indisprimary and indrelid = %s::regclass
            """,
            f"staging.{kind.table}",
        )
        assert columns == declared
        assert sorted(columns) == sorted(["client_id", *kind.key])
