"""dbt's models and data tests as Dagster shows them: assets, checks, and what a build found of each.

Belongs here: reading dbt's manifest. Does not belong here: how dbt is called (``dbt``, ``dbt_process``), what
is done around a build (``demand``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.stages.dbt_process import NodeResult
from orchestration.table_assets import OWNERS, table_metadata
from orchestration.warehouse.tables import metadata as table_definitions

Node = Mapping[str, Any]
"""One entry of the manifest."""


@dataclass(frozen=True)
class DbtAssets:
    """The models that runs build, the tests on them, and the views that ``forecaster migrate`` makes.

    Attributes:
        models: an asset per table.
        tests: a blocking check per data test.
        views: the reporting views, for the lineage only.
        keys: of models and tests, by dbt's id.
        names: what dbt selects each of them by.
    """

    models: list[dg.AssetSpec]
    tests: list[dg.AssetCheckSpec]
    views: list[dg.AssetSpec]
    keys: Mapping[str, dg.AssetKey | dg.AssetCheckKey]
    names: Mapping[dg.AssetKey | dg.AssetCheckKey, str]

    def selection(self, wanted: Collection[dg.AssetKey | dg.AssetCheckKey]) -> list[str] | None:
        """dbt's names of some models and tests; None where they are all there are."""
        return None if set(wanted) == set(self.names) else sorted(self.names[key] for key in wanted)

    def event(self, result: NodeResult) -> dg.MaterializeResult[None] | dg.AssetCheckResult | None:
        """What a result is in Dagster; None for a model that was not built and a test that did not run."""
        key = self.keys.get(result.unique_id)
        shown: dict[str, Any] = {
            "Execution Duration": result.seconds,
            "unique_id": result.unique_id,
            "invocation_id": result.invocation_id,
            "status": result.status,
        }
        if isinstance(key, dg.AssetKey) and result.status == "success":
            return dg.MaterializeResult(asset_key=key, metadata=shown)
        if isinstance(key, dg.AssetCheckKey) and result.status != "skipped":
            return dg.AssetCheckResult(
                passed=result.status == "pass",
                asset_key=key.asset_key,
                check_name=key.name,
                metadata={**shown, "dagster_dbt/failed_row_count": result.failures},
            )
        return None


def read_assets(manifest: Path) -> DbtAssets:
    """The assets and checks of a manifest that dbt wrote."""
    content = json.loads(manifest.read_bytes())
    nodes: dict[str, Node] = {**content["nodes"], **content["sources"]}
    tables = {
        name: node
        for name, node in nodes.items()
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
    }
    views = {name for name, node in tables.items() if _group(node) == "reporting"}
    tests = {name: node for name, node in nodes.items() if node["resource_type"] == "test"}
    specs = {name: _asset(nodes, node) for name, node in tables.items()}
    checks = {name: _check(nodes, node) for name, node in tests.items()}
    keys: dict[str, dg.AssetKey | dg.AssetCheckKey] = {
        **{name: spec.key for name, spec in specs.items() if name not in views},
        **{name: check.key for name, check in checks.items()},
    }
    return DbtAssets(
        models=[spec for name, spec in specs.items() if name not in views],
        tests=list(checks.values()),
        views=[specs[name] for name in views],
        keys=keys,
        names={key: ".".join(nodes[name]["fqn"]) for name, key in keys.items()},
    )


def _key(node: Node) -> dg.AssetKey:
    """Schema and table, for models and sources alike."""
    return dg.AssetKey([node["schema"], node["name"]])


def _group(node: Node) -> str:
    return "reporting" if "reporting" in node["fqn"] else "demand"


def _asset(nodes: Mapping[str, Node], node: Node) -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(node),
        deps=sorted({_key(above) for above in _stored_above(nodes, node)}),
        description=str(node["description"]).strip(),
        metadata=_metadata(node),
        skippable=True,
        group_name=_group(node),
        code_version=hashlib.sha1(node["raw_code"].encode()).hexdigest(),
        owners=OWNERS,
        kinds={"dbt", "postgres"},
    )


def _metadata(node: Node) -> dict[str, Any]:
    """The columns of a mart come from its table's definition, whose comments the database shows too."""
    name = f"{node['schema']}.{node['name']}"
    if name in table_definitions.tables:
        return table_metadata(table_definitions.tables[name])
    columns = [
        dg.TableColumn(column["name"], column["data_type"] or "?", description=column["description"])
        for column in node["columns"].values()
    ]
    return {"dagster/table_name": name, "dagster/column_schema": dg.TableSchema(columns)}


def _stored_above(nodes: Mapping[str, Node], node: Node) -> Iterator[Node]:
    """The tables and views a node reads, be it through models that are stored nowhere."""
    for name in node["depends_on"]["nodes"]:
        above = nodes[name]
        if above["config"].get("materialized") == "ephemeral":
            yield from _stored_above(nodes, above)
        else:
            yield above


def _check(nodes: Mapping[str, Node], test: Node) -> dg.AssetCheckSpec:
    """A test belongs to the model it stands at, or to the one its ``meta`` names where it reads several."""
    meta = test["config"]["meta"]
    named = meta.get("dagster", {}).get("ref", {}).get("name")
    at = f"model.{test['package_name']}.{named}" if named else test["attached_node"]
    read = {_key(above) for above in _stored_above(nodes, test)}
    return dg.AssetCheckSpec(
        test["name"],
        asset=_key(nodes[at]),
        description=meta.get("description"),
        additional_deps=sorted(read - {_key(nodes[at])}),
        blocking=True,
    )
