"""The forecast made of the leaders' own: each series by the model that past days favour, calibrated.

Belongs here: putting it together, and why each series is as it is. Does not belong here: who leads
(``forecasting_lib.backtesting``), what is published (``forecast_runs``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forecasting_lib.accuracy.lag_buckets import lag_bucket
from forecasting_lib.backtesting.calibration import calibrated
from forecasting_lib.backtesting.champions import Reason
from forecasting_lib.backtesting.composition import composed
from forecasting_lib.backtesting.segments import demand_classes
from forecasting_lib.models.counts import counted_series
from forecasting_lib.panel import Forecast
from orchestration.reading.backtests import CurrentBacktest
from orchestration.reading.histories import SERIES_COLUMNS, DemandHistory


@dataclass(frozen=True)
class Composition:
    """A forecast made of several models'.

    Attributes:
        forecast: of all series.
        made_by: of each series, the model or ensemble.
        choices: of each series, why, as a sentence.
        backtest_run_id: the backtest it follows.
    """

    forecast: Forecast
    made_by: Sequence[str]
    choices: Sequence[str]
    backtest_run_id: str


def compose(
    history: DemandHistory, forecasts: Mapping[str, Forecast], preferred: str, backtest: CurrentBacktest
) -> Composition:
    """Put the leaders' forecasts together and calibrate them.

    A leader that did not run, or whose members did not, is replaced by the preferred model.

    Args:
        history: what the models saw.
        forecasts: by model, of the history's series.
        preferred: the first model of the policy that ran.
        backtest: the current one.
    """
    panel = history.panel
    classes = demand_classes(panel)
    runnable = {
        *forecasts,
        *(name for name, ensemble in backtest.ensembles.items() if set(ensemble.members) <= set(forecasts)),
    }
    made_by, choices = [], []
    for (item, location), of_class in zip(
        history.keys.select(SERIES_COLUMNS).iter_rows(), classes, strict=True
    ):
        leader, why = _leader((item, location), of_class, preferred, runnable, backtest)
        made_by.append(leader)
        choices.append(why)
    forecast = composed(forecasts, made_by, classes, backtest.ensembles, panel)
    buckets = [lag_bucket(panel.grain, lag) for lag in range(1, forecast.horizon + 1)]
    by_leader = {
        (f"{leader}\0{of_class}", bucket): calibration
        for leader in set(made_by)
        for (of_class, bucket), calibration in backtest.calibrations.get(leader, {}).items()
    }
    segments = [f"{leader}\0{of_class}" for leader, of_class in zip(made_by, classes, strict=True)]
    return Composition(
        calibrated(forecast, segments, buckets, by_leader, counted_series(panel)),
        made_by,
        choices,
        backtest.run_id,
    )


def _leader(
    key: tuple[str, str], of_class: str, preferred: str, runnable: set[str], backtest: CurrentBacktest
) -> tuple[str, str]:
    """The model of a series, and why as a sentence."""
    choice = backtest.choices.get(key)
    if choice is None:
        leader = backtest.leaders.get(of_class, preferred)
        leader = leader if leader in runnable else preferred
        return leader, sentence(Reason.SEGMENT, leader, preferred, None)
    if choice.model not in runnable:
        return preferred, (
            f"{preferred} stands in: {choice.model} leads for this series, and it did not run today."
        )
    return choice.model, sentence(choice.reason, choice.model, preferred, choice.gain)


def sentence(reason: Reason, leader: str, preferred: str, gain: float | None) -> str:
    """Why a model leads for a series, for whoever plans on it.

    >>> sentence(Reason.BEST, "hist_q", "chronos2", 0.043)
    'hist_q leads: going by past days, its error is 4.3 % below that of chronos2.'

    Args:
        reason: of the backtest.
        leader: the model.
        preferred: the first model of the client's policy.
        gain: share by which the leader's expected loss is below the preferred model's; None where unknown.
    """
    if reason is Reason.SIMPLER:
        return f"{leader} leads: no model was better by more than 1 % at past days, and it is the simplest."
    if reason is Reason.HEDGE:
        return f"{leader} leads: no single model was clearly better than their average at past days."
    if reason is Reason.STAYS:
        return f"{leader} leads as before: no other model won by 1 % in two backtests in a row."
    if reason is Reason.SEGMENT:
        return f"{leader} leads for series like this one, which is too young to have been judged itself."
    if gain is None or leader == preferred:
        return f"{leader} leads: it had the lowest error at past days."
    return f"{leader} leads: going by past days, its error is {100 * gain:.1f} % below that of {preferred}."
