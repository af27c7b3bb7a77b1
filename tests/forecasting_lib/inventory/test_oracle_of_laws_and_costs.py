"""Laws of demand, fill rates and policies by cost against the vectors of ``oracle.csv``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.demand_laws import GammaDemand, NegativeBinomialDemand, PoissonDemand
from forecasting_lib.inventory.economic_order import (
    economic_order_quantity_with_backorders,
    economic_order_quantity_with_price_breaks,
)
from forecasting_lib.inventory.fill_rate import (
    achieved_fill_rate,
    reorder_point_for_fill_rate,
    reorder_point_for_shortage_per_cycle,
)
from forecasting_lib.inventory.guaranteed_service import SupplyTree, optimal_service_times
from forecasting_lib.inventory.lead_time_demand import CumulativeDemand, NormalDemand, protection_demand
from forecasting_lib.inventory.newsvendor import (
    critical_ratio,
    newsvendor_cost,
    newsvendor_costs_of_prices,
    newsvendor_profit,
    newsvendor_quantity,
)
from forecasting_lib.inventory.pooling import equicorrelated, pooled_safety_stock
from forecasting_lib.inventory.r_q_policy import optimal_r_q, r_q_cost, reorder_point_for_lot
from forecasting_lib.inventory.s_s_policy import optimal_s_s, s_s_cost, s_s_power_approximation
from forecasting_lib.inventory.stationary_excess import undershoot_of_normal_demand
from forecasting_lib.inventory.tabulated_demand import (
    TabulatedDemand,
    demand_over_lead_times,
    sum_of_demands,
    undershoot_of_tabulated_demand,
)
from forecasting_lib.panel import FloatArray
from tests.forecasting_lib.inventory.oracle_cases import Case, cases, near, number, values

Costs = tuple[FloatArray, FloatArray, FloatArray]

NETWORKS: Mapping[str, tuple[tuple[str, ...], SupplyTree]] = {
    # stages 1 to 4; 1 supplies 3, which supplies 2 and 4; 1 waits a period for supplies from outside
    "stockpyl example_6_5 (FoSCT Ex 6.5)": (
        ("1", "2", "3", "4"),
        SupplyTree(
            arcs=((0, 2), (2, 1), (2, 3)),
            processing_periods=np.array([2.0, 1.0, 1.0, 1.0]),
            holding_cost=np.array([1.0, 3.0, 2.0, 3.0]),
            demand_sd=np.array([0.0, 1.0, 0.0, 1.0]),
            bound_factor=np.ones(4),
            inbound_periods=np.array([1.0, 0.0, 0.0, 0.0]),
            longest_service_periods=np.array([np.inf, 0.0, np.inf, 1.0]),
        ),
    )
}


def daily_law(text: str) -> TabulatedDemand:
    """A day's demand from its name: poisson(m), nbinom(mean=m,var=v), zi(p=p,1+nbinom(...))."""
    units = np.arange(800)
    if (found := re.fullmatch(r"poisson\((.+)\)", text)) is not None:
        return TabulatedDemand(stats.poisson.pmf(units, float(found[1]))[None, :])
    if (found := re.fullmatch(r"zi\(p=(.+?),1\+(.+)\)", text)) is not None:
        share, sizes = float(found[1]), daily_law(found[2]).probabilities
        without = np.hstack([[[1.0 - share]], share * sizes])
        return TabulatedDemand(without)
    found = re.fullmatch(r"nbinom\(mean=(.+),var=(.+)\)", text)
    assert found is not None, text
    mean, variance = float(found[1]), float(found[2])
    law = stats.nbinom.pmf(units, mean**2 / (variance - mean), mean / variance)
    return TabulatedDemand(law[None, :])


@pytest.mark.parametrize("case", cases("LTD_quantile_poisson", "LTD_quantile_negbin", "LTD_quantile_gamma"))
def test_quantile_and_shortage_of_a_law_of_demand(case: Case) -> None:
    mean, variance = values(case, "in_ltd_mean", "in_ltd_var")
    laws: Mapping[str, DemandLaw] = {
        "LTD_quantile_poisson": PoissonDemand(mean),
        "LTD_quantile_negbin": NegativeBinomialDemand(mean, np.nan_to_num(variance)),
        "LTD_quantile_gamma": GammaDemand(mean, np.nan_to_num(variance)),
    }
    law = laws[case["group"]]
    reorder_point = law.quantile(number(case, "in_csl"))
    assert reorder_point[0] == near(case, "exp_rop")
    # units of a difference carry the rounding of floating point even where the tolerance is none
    assert (reorder_point - law.mean)[0] == pytest.approx(
        number(case, "exp_safety_stock"), abs=max(float(case["tol"]), 1e-9)
    )
    if case["exp_expected_short_per_cycle"]:
        assert law.expected_shortage(reorder_point)[0] == near(case, "exp_expected_short_per_cycle")


@pytest.mark.parametrize("case", cases("LTD_exact_convolution"))
def test_lead_time_demand_against_the_exact_convolution(case: Case) -> None:
    day = daily_law(case["in_daily_dist"])
    lead_times = {int(days): p for days, p in json.loads(case["in_lead_time_pmf"]).items()}
    mean = sum(days * p for days, p in lead_times.items())
    spread = sum((days - mean) ** 2 * p for days, p in lead_times.items()) ** 0.5
    level_days = (np.full((1, 28), moment[0]) for moment in (day.mean, day.sd**2))
    demand = CumulativeDemand.from_daily(*level_days)
    by_moments = protection_demand(demand, np.array([mean]), np.array([spread]), np.zeros(1))
    over_lead_time = demand_over_lead_times(day, lead_times)
    for law in (by_moments, over_lead_time):
        assert law.mean[0] == near(case, "exp_ltd_mean")
        assert law.sd[0] == near(case, "exp_ltd_sd")
    exact = {
        "exp_q_L_only": over_lead_time,
        "exp_q_L_plus_R1": demand_over_lead_times(day, lead_times, extra_days=1),
        "exp_q_L_plus_R7": demand_over_lead_times(day, lead_times, extra_days=7),
        "exp_q_L_plus_undershoot": sum_of_demands(over_lead_time, undershoot_of_tabulated_demand(day)),
    }
    for column, law in exact.items():
        assert law.quantile(number(case, "in_csl"))[0] == near(case, column), column


@pytest.mark.parametrize("case", cases("SS_fill_rate_normal"))
def test_reorder_point_of_a_fill_rate(case: Case) -> None:
    mean, sd, lot = values(case, "in_ltd_mean", "in_ltd_sd", "in_Q")
    law = NormalDemand(mean, sd)
    reorder_point = reorder_point_for_shortage_per_cycle(
        law, number(case, "in_fill_rate"), lot, whole_units=False
    )
    assert reorder_point[0] == near(case, "exp_rop")
    assert (reorder_point - mean)[0] == near(case, "exp_safety_stock")
    assert ((reorder_point - mean) / sd)[0] == near(case, "exp_k")
    assert (law.expected_shortage(reorder_point) / sd)[0] == near(case, "exp_G_k")
    assert 1.0 - law.exceedance(reorder_point)[0] == near(case, "exp_implied_csl")


@pytest.mark.parametrize("case", cases("SS_fill_rate_undershoot"))
def test_reorder_point_of_a_fill_rate_with_undershoot(case: Case) -> None:
    daily_mean, daily_sd, days, lot = values(case, "in_mu_d", "in_sd_d", "in_L", "in_Q")
    mean, variance = daily_mean * days, daily_sd**2 * days
    if case["in_review"] != "continuous":
        review = values(case, "in_R")
        undershoot = undershoot_of_normal_demand(daily_mean * review, daily_sd * review**0.5)
        assert undershoot.mean[0] == near(case, "exp_undershoot_mean")
        assert undershoot.sd[0] == near(case, "exp_undershoot_sd")
        mean, variance = mean + undershoot.mean, variance + undershoot.variance
    law, fill_rate = NormalDemand(mean, np.sqrt(variance)), number(case, "in_fill_rate")
    for reorder_point in (
        reorder_point_for_shortage_per_cycle(law, fill_rate, lot, whole_units=False),
        reorder_point_for_fill_rate(law, fill_rate, lot, whole_units=False),
    ):
        assert reorder_point[0] == near(case, "exp_rop")


@pytest.mark.parametrize("case", cases("fill_rate_poisson_rQ"))
def test_whole_unit_reorder_point_of_a_fill_rate(case: Case) -> None:
    law, lot = PoissonDemand(values(case, "in_ltd_mean")), values(case, "in_Q")
    reorder_point = reorder_point_for_fill_rate(law, number(case, "in_fill_rate"), lot, whole_units=True)
    assert reorder_point[0] == near(case, "exp_rop")
    assert achieved_fill_rate(law, reorder_point, lot)[0] == near(case, "exp_achieved_fill")


@pytest.mark.parametrize("case", cases("EOQ_backorders"))
def test_economic_order_quantity_with_backorders(case: Case) -> None:
    lot = economic_order_quantity_with_backorders(
        *values(case, "in_order_cost", "in_annual_demand", "in_hold_cost_unit_year", "in_stockout_cost")
    )
    assert lot.quantity[0] == near(case, "exp_eoq")
    assert lot.annual_cost[0] == near(case, "exp_annual_cost")
    assert lot.backordered_share[0] == near(case, "exp_stockout_fraction")


@pytest.mark.parametrize("case", cases("EOQ_price_breaks"))
def test_economic_order_quantity_with_price_breaks(case: Case) -> None:
    lot = economic_order_quantity_with_price_breaks(
        number(case, "in_order_cost"),
        values(case, "in_annual_demand"),
        number(case, "in_hold_rate"),
        np.array([json.loads(case["in_breakpoints"])], dtype=np.float64),
        np.array([json.loads(case["in_unit_costs"])], dtype=np.float64),
    )
    assert lot.quantity[0] == near(case, "exp_eoq")
    assert lot.annual_cost[0] == near(case, "exp_annual_cost")
    assert lot.bracket[0] == near(case, "exp_region")


@pytest.mark.parametrize("case", cases("newsvendor_normal", "newsvendor_poisson"))
def test_newsvendor_by_costs(case: Case) -> None:
    mean, sd, overage, underage = values(case, "in_mu_d", "in_sd_d", "in_overage", "in_underage")
    law: DemandLaw = PoissonDemand(mean) if case["group"] == "newsvendor_poisson" else NormalDemand(mean, sd)
    quantity = newsvendor_quantity(law, overage, underage)
    assert critical_ratio(overage, underage)[0] == near(case, "exp_critical_ratio")
    assert quantity[0] == near(case, "exp_qty")
    assert newsvendor_cost(law, quantity, overage, underage)[0] == near(case, "exp_cost")


@pytest.mark.parametrize("case", cases("newsvendor_explicit"))
def test_newsvendor_by_prices(case: Case) -> None:
    law = NormalDemand(*values(case, "in_mu_d", "in_sd_d"))
    prices = values(case, "in_price", "in_unit_cost", "in_salvage")
    quantity = newsvendor_quantity(law, *newsvendor_costs_of_prices(*prices))
    assert quantity[0] == near(case, "exp_qty")
    assert newsvendor_profit(law, quantity, *prices)[0] == near(case, "exp_profit")


@pytest.mark.parametrize("case", cases("sS_exact_poisson", "sS_exact_negbin"))
def test_exact_s_s_policy(case: Case) -> None:
    mean, variance, lead_time = values(case, "in_mu_d", "in_var_d", "in_L")
    money: Costs = values(case, "in_order_cost", "in_hold_cost", "in_stockout_cost")
    days = lead_time + 1.0
    laws: tuple[DemandLaw, DemandLaw] = (PoissonDemand(mean), PoissonDemand(days * mean))
    if case["group"] == "sS_exact_negbin":
        laws = tuple(NegativeBinomialDemand(n * mean, n * variance) for n in (np.ones(1), days))  # type: ignore[assignment]
    best = optimal_s_s(*money, *laws)
    assert best.reorder_point[0] == near(case, "exp_s")
    assert best.order_up_to[0] == near(case, "exp_S")
    assert best.cost[0] == near(case, "exp_cost")
    assert s_s_cost(best.reorder_point, best.order_up_to, *money, *laws)[0] == near(case, "exp_cost")


@pytest.mark.parametrize("case", cases("sS_power_approx"))
def test_power_approximation_of_an_s_s_policy(case: Case) -> None:
    mean, sd = values(case, "in_mu_d", "in_sd_d")
    money: Costs = values(case, "in_order_cost", "in_hold_cost", "in_stockout_cost")
    levels = s_s_power_approximation(*money, mean, mean, sd)
    assert levels.reorder_point[0] == near(case, "exp_s")
    assert levels.order_up_to[0] == near(case, "exp_S")


@pytest.mark.parametrize("case", cases("rQ_exact_poisson"))
def test_exact_r_q_policy(case: Case) -> None:
    rate, lead_time = values(case, "in_demand_rate", "in_L")
    money: Costs = values(case, "in_order_cost", "in_hold_cost", "in_stockout_cost")
    law = PoissonDemand(rate * lead_time)
    best = optimal_r_q(*money, rate, law)
    assert best.reorder_point[0] == near(case, "exp_r")
    assert best.order_quantity[0] == near(case, "exp_Q")
    assert best.cost[0] == near(case, "exp_cost")
    assert r_q_cost(best.reorder_point, best.order_quantity, *money, rate, law)[0] == near(case, "exp_cost")


@pytest.mark.parametrize("case", cases("rQ_r_for_Q_normal"))
def test_reorder_point_of_a_lot_by_cost(case: Case) -> None:
    annual, annual_sd, years = values(case, "in_annual_demand", "in_sd_annual", "in_L_years")
    law = NormalDemand(annual * years, annual_sd * years**0.5)
    holding, shortage = values(case, "in_hold_cost", "in_stockout_cost")
    assert reorder_point_for_lot(values(case, "in_Q"), holding, shortage, law)[0] == near(case, "exp_r")


@pytest.mark.parametrize("case", cases("multi_location_pooling"))
def test_pooled_safety_stock(case: Case) -> None:
    covariance = equicorrelated(np.array([json.loads(case["in_ltd_sds"])]), number(case, "in_corr"))
    sums = pooled_safety_stock(number(case, "in_csl"), covariance)
    assert sums.at_each_location[0] == near(case, "exp_ss_sum_independent")
    assert sums.pooled[0] == near(case, "exp_ss_pooled")


@pytest.mark.parametrize("case", cases("multi_echelon_gsm"))
def test_guaranteed_service_on_a_tree(case: Case) -> None:
    names, tree = NETWORKS[case["in_instance"]]
    best = optimal_service_times(tree)
    assert best.cost == near(case, "exp_cost")
    assert dict(zip(names, best.service_periods.tolist(), strict=True)) == json.loads(case["exp_cst"])
    assert dict(zip(names, best.safety_stock.tolist(), strict=True)) == pytest.approx(
        json.loads(case["exp_ss_by_node"]), abs=float(case["tol"])
    )
