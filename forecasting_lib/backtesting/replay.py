"""What a model would have said at past origins, kept until it has been measured.

Belongs here: forecasts of several origins, in a scratch folder, since a store's of six origins are as large
as its history. Does not belong here: what is measured on them (``measures``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from forecasting_lib.models.interface import Forecaster
from forecasting_lib.origins import Origin, forecast_origins
from forecasting_lib.panel import QUANTILE_LEVELS, Forecast


def replay(
    model: Forecaster,
    origins: Sequence[Origin],
    horizon: int,
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Forecast]:
    """The guarded forecast of each origin.

    Args:
        model: any model of the interface; its name names its files.
        origins: of one grain.
        horizon: periods ahead.
        folder: where the quantiles lie, in single precision, for as long as the forecasts are used.
        progress: called with the series answered and those to answer, over all origins.

    Returns:
        One forecast per origin.
    """
    parts: list[list[Forecast]] = [[] for _ in origins]
    kept = [
        np.lib.format.open_memmap(
            folder / f"{model.name}-{number}.npy",
            mode="w+",
            dtype=np.float32,
            shape=(len(origin.panel), horizon, len(QUANTILE_LEVELS)),
        )
        for number, origin in enumerate(origins)
    ]
    for part in forecast_origins(model, origins, horizon, progress=progress):
        kept[part.origin][part.series] = part.forecast.quantiles
        parts[part.origin].append(part.forecast)
    return [
        Forecast(
            series_ids=origin.panel.series_ids,
            as_of_date=origin.date,
            point=np.concatenate([part.point for part in own]),
            mean=np.concatenate([part.mean for part in own]),
            quantiles=quantiles,
            reasons=tuple(reason for part in own for reason in part.reasons),
            grain=origin.panel.grain,
        )
        for origin, own, quantiles in zip(origins, parts, kept, strict=True)
    ]
