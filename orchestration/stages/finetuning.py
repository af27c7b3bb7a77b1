"""Tuning a client's weights: the whole deed from history to record, and the op that does it.

Belongs here: reading the history, keeping the result, the audit entry, the op. Does not belong here:
training and comparison (``forecasting_lib.finetuning``), the folder and the rule by which weights stand
(``weights``).
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from forecasting_lib.finetuning import FinetuneConfig, FinetuneError, compare, finetune
from forecasting_lib.grain import Grain
from forecasting_lib.models.weights import WeightsSource, verified_weights
from forecasting_lib.origins import Origin
from orchestration import audit
from orchestration.clients import Client, get_client
from orchestration.reading.histories import demand_grain, last_demand_day
from orchestration.reading.origins import read_origins
from orchestration.reading.tuned_weights import (
    Tuning,
    base_weights,
    client_models_dir,
    keep,
    scratch_folder,
)
from orchestration.resources import Installation
from orchestration.settings import Settings
from orchestration.stages.model_turns import model_turn
from orchestration.warehouse.server import Warehouse


def tune_client(
    warehouse: Warehouse,
    settings: Settings,
    client: Client,
    config: FinetuneConfig,
    *,
    cut: date | None = None,
    dagster_run_id: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tuning:
    """Tune the installation's weights on a client's history, compare, keep and record.

    Accepted weights are what the client's next forecast runs on; nobody else's.

    Args:
        warehouse: where the history is, and the audit log.
        settings: the installation.
        client: whose history trains.
        config: how.
        cut: last day that training sees; None leaves the client's horizon for the comparison.
        dagster_run_id: the run, where it is one.
        progress: called with the number of steps done.

    Raises:
        FinetuneError: there is not enough history; the message says what is missing.
        WeightsUnavailable: the installation has no usable weights to start from.
    """
    base = base_weights(settings)
    later = read_held_out(warehouse, client, cut)
    settings.made_home()
    folder = client_models_dir(settings, client.client_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with scratch_folder(folder) as scratch:
        weights = scratch / "weights"
        finetune(base.path, later.panel, client.horizon(later.panel.grain), config, weights, progress)
        digest = verified_weights(WeightsSource.FINETUNED, client.client_id, weights).digest
        comparison = compare(base.path, weights, later)
        record = Tuning(
            client_id=client.client_id,
            digest=digest,
            accepted=comparison.accepted(config.margin),
            verdict=comparison.sentence(config.margin),
            method=config.method,
            steps=config.steps,
            cut_date=later.panel.as_of_date.isoformat(),
            base_model_id=base.model_id,
            base_digest=base.digest,
            finished_at=datetime.now(UTC).isoformat(),
            comparison=asdict(comparison),
        )
        keep(folder, weights, record)
    with warehouse.transaction() as connection:
        audit.record(
            connection,
            "finetune",
            f"weights {digest[:12]}",
            client_id=client.client_id,
            run_id=dagster_run_id,
            **{name: value for name, value in asdict(record).items() if name != "client_id"},
        )
    return record


def read_held_out(warehouse: Warehouse, client: Client, cut: date | None) -> Origin:
    """A client's demand and covariates as known on the cut, and the demand of the days after it.

    Args:
        warehouse: where to read.
        client: whose; its horizon is the most days that are held out.
        cut: None leaves as many days as the horizon has.

    Raises:
        FinetuneError: there is no demand, or no day of it lies after the cut.
    """
    last = last_demand_day(warehouse, client.client_id)
    if last is None:
        raise FinetuneError(f"{client.client_id} has no demand yet: deliver a sales file first.")
    grain = demand_grain(warehouse, client.client_id)
    if grain is not Grain.DAY:
        raise FinetuneError(f"{client.client_id} is planned by {grain}, and Chronos-2 is tuned on days only.")
    horizon = client.horizon(grain)
    cut = cut or last - timedelta(days=horizon)
    if cut >= last:
        raise FinetuneError(f"No day lies after the cut {cut}: demand is known up to {last}.")
    known = read_origins(warehouse, client.client_id, [cut], horizon, last, covariates=True)
    return known.origins[0]


class Tune(dg.Config):
    """What a person may choose for one tuning."""

    method: str = "lora"
    """lora or full."""

    steps: int = 200
    """Optimiser steps."""

    cut_date: str | None = None
    """Last day that training sees, ISO; unset leaves the client's horizon for the comparison."""


@dg.op
def tune_weights(context: dg.OpExecutionContext, config: Tune, installation: Installation) -> None:
    """Tune Chronos-2 on the client's history; the result is used if it beats the base on the later days."""
    warehouse, settings = installation.warehouse, installation.settings
    try:
        chosen = FinetuneConfig(method=config.method, steps=config.steps)  # type: ignore[arg-type]
        cut = None if config.cut_date is None else date.fromisoformat(config.cut_date)
        with model_turn(warehouse, context.log.info):
            record = tune_client(
                warehouse,
                settings,
                get_client(warehouse, context.partition_key),
                chosen,
                cut=cut,
                dagster_run_id=context.run.run_id,
            )
    except (FinetuneError, ValueError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.log.info(record.verdict)
    context.add_output_metadata(
        {"accepted": record.accepted, "verdict": record.verdict, "digest": record.digest, **record.comparison}
    )
