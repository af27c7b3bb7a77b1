"""dbt's demand classes are the library's: SQL and Python say the same of the same histories."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import yaml

from forecasting_lib.inventory.classification import (
    ADI_CUT,
    CV2_CUT,
    DemandClass,
    adi_and_cv2,
    demand_class,
)
from orchestration.stages.dbt import PROJECT_DIR
from orchestration.warehouse.formulas import render_formulas
from orchestration.warehouse.server import Warehouse

FORMULAS = (
    '{% from "demand_class.sql" '
    "import average_demand_interval, demand_class, squared_variation, sums_of_demand %}"
)


def measured(warehouse: Warehouse, history: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[Any, ...]:
    """ADI, CV2 and class of one history by dbt's formulas; NaN is a masked day."""
    masked = np.isnan(history)
    query = render_formulas(
        FORMULAS
        + """
        with months as (
            select {{ sums_of_demand() }}
            from unnest(%s::numeric[], %s::boolean[]) with ordinality as day (demand_qty, is_masked, place)
            group by place / 30
        ),

        series as (
            select {{ average_demand_interval() }} as adi, {{ squared_variation() }} as cv2
            from months
        )

        select adi, cv2, {{ demand_class("adi", "cv2") }} from series
        """
    )
    with warehouse.transaction() as connection:
        row: tuple[Any, ...] | None = connection.execute(
            query.encode(), ([str(v) for v in np.where(masked, 0.0, history)], masked.tolist())
        ).fetchone()
    assert row is not None
    return tuple(row)


@pytest.mark.parametrize("seed", range(40))
def test_random_histories_are_measured_and_classed_alike(warehouse: Warehouse, seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = np.exp(random.normal(1.0, random.choice([0.2, 1.2]), 120)).round(random.choice([0, 2]))
    history = np.where(random.random(120) < random.choice([0.15, 0.5, 0.95]), sizes, 0.0)
    history[(random.random(120) < 0.1) & (history == 0.0)] = np.nan
    adi, cv2, name = measured(warehouse, history)
    expected = adi_and_cv2(history)
    assert expected is not None
    assert adi == expected[0]
    assert cv2 == pytest.approx(expected[1], rel=1e-12)
    assert name == demand_class(*expected)


def test_every_class_is_met_by_the_random_histories(warehouse: Warehouse) -> None:
    """One history for each class, so that the comparison cannot pass on one class alone."""
    even, lumps = np.array([2.0] * 4), np.array([1.0, 1.0, 1.0, 30.0])
    gaps = np.zeros(4)
    found = [
        measured(warehouse, history)[2]
        for history in (even, lumps, np.concatenate([even, gaps]), np.concatenate([lumps, gaps]))
    ]
    assert found == list(DemandClass)


@pytest.mark.parametrize("history", [np.zeros(5), np.full(5, np.nan), np.empty(0)])
def test_a_history_without_demand_has_no_statistics(
    warehouse: Warehouse, history: np.ndarray[Any, np.dtype[np.float64]]
) -> None:
    assert measured(warehouse, history) == (None, None, "none")
    assert adi_and_cv2(history) is None


def test_the_cuts_are_the_same_to_the_last_bit(warehouse: Warehouse) -> None:
    around = [
        (adi, cv2)
        for adi in (math.nextafter(ADI_CUT, 0), ADI_CUT, math.nextafter(ADI_CUT, 2))
        for cv2 in (math.nextafter(CV2_CUT, 0), CV2_CUT, math.nextafter(CV2_CUT, 2))
    ]
    query = render_formulas(
        FORMULAS
        + 'select {{ demand_class("adi", "cv2") }} '
        + "from unnest(%s::float8[], %s::float8[]) with ordinality as cut (adi, cv2, place) order by place"
    )
    with warehouse.transaction() as connection:
        found = connection.execute(query.encode(), tuple(map(list, zip(*around, strict=True)))).fetchall()
    assert [name for (name,) in found] == [demand_class(adi, cv2) for adi, cv2 in around]
    assert len(set(found)) == len(DemandClass)


def test_the_data_test_accepts_the_librarys_classes_and_none() -> None:
    described = yaml.safe_load((PROJECT_DIR / "models" / "marts" / "dim_series.yml").read_text())
    (column,) = [c for c in described["models"][0]["columns"] if c["name"] == "demand_class"]
    accepted = column["data_tests"][0]["accepted_values"]["arguments"]["values"]
    assert accepted == [*DemandClass, "none"]
