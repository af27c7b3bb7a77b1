-- Scores one model of one forecast run at every grain and lag bucket; one statement, one pass over the
-- forecast. The rows of a bucket, and of "all", are added up once per series; every other grain is a sum of
-- those sums. Definitions: docs/data-model.md; e is forecast less actual.
--
-- Reads the temporary table "actual" (item_id, location_id, date, actual_qty, is_masked, is_closed), which
-- holds the known days. A series has no row there before its first sale, where its demand is zero, or
-- unknown if the location was closed. A masked day's actual is null, and null drops out of every sum.
insert into analytics.forecast_quality (
    client_id, scoring_id, grain, grain_key, lag_bucket, run_id, model, as_of_date, item_id, location_id,
    category, scored_at, actuals_through, input_watermark, is_current, n_rows, n_series, n_masked,
    n_undefined, n_positive, sum_actual_qty, sum_forecast_qty, sum_abs_error_qty, sum_squared_error,
    sum_abs_pct_error, sum_pinball_qty, sum_mase, n_mase, sum_rmsse, n_rmsse, n_inside_50, n_inside_80,
    n_inside_90, n_inside_98, n_on_bound_90, mape, mape_row_share, wape, mae_qty, rmse_qty, bias, bias_qty, mase, rmsse, wql,
    coverage_50, coverage_80, coverage_90, coverage_98
)
with closed_day as (
    select distinct
        location_id,
        date
    from actual
    where is_closed
),

scored_day as (
    select
        forecast.*,
        case
            when forecast.lag_days = 1 then '1'
            when forecast.lag_days <= 7 then '2-7'
            when forecast.lag_days <= 14 then '8-14'
            when forecast.lag_days <= 28 then '15-28'
            else 'beyond'
        end as lag_bucket,
        case
            when coalesce(actual.is_masked, closed_day.date is not null) then null
            else coalesce(actual.actual_qty, 0)
        end as actual_qty
    from analytics.forecast_results as forecast
    left join actual
        on actual.item_id = forecast.item_id
        and actual.location_id = forecast.location_id
        and actual.date = forecast.date
    left join closed_day
        on closed_day.location_id = forecast.location_id
        and closed_day.date = forecast.date
    where forecast.client_id = {client_id}
        and forecast.run_id = {run_id}::uuid
        and forecast.model = {model}
        and forecast.date <= {actuals_through}::date
),

-- Twice the quantile loss at level t is |d| + (2t - 1) d with d = actual - quantile.
-- Errors are added up as numeric: a sum of float8 depends on the order the rows come in, and the same run
-- would score differently to the last bit from one plan to the next.
series_and_bucket as (
    select
        item_id,
        location_id,
        case when grouping(lag_bucket) = 1 then 'all' else lag_bucket end as lag_bucket,
        count(actual_qty) as n_rows,
        count(*) - count(actual_qty) as n_masked,
        count(*) filter (where actual_qty > 0) as n_positive,
        sum(actual_qty::numeric) as sum_actual_qty,
        sum(mean_qty::numeric) filter (where actual_qty is not null) as sum_forecast_qty,
        sum(abs(point_qty - actual_qty)::numeric) as sum_abs_error_qty,
        sum(((mean_qty - actual_qty) ^ 2)::numeric) as sum_squared_error,
        sum((abs(point_qty - actual_qty) / nullif(actual_qty, 0))::numeric) as sum_abs_pct_error,
        sum((
            abs(actual_qty - q10) - 0.8 * (actual_qty - q10)
            + abs(actual_qty - q20) - 0.6 * (actual_qty - q20)
            + abs(actual_qty - q30) - 0.4 * (actual_qty - q30)
            + abs(actual_qty - q40) - 0.2 * (actual_qty - q40)
            + abs(actual_qty - q50)
            + abs(actual_qty - q60) + 0.2 * (actual_qty - q60)
            + abs(actual_qty - q70) + 0.4 * (actual_qty - q70)
            + abs(actual_qty - q80) + 0.6 * (actual_qty - q80)
            + abs(actual_qty - q90) + 0.8 * (actual_qty - q90)
        )::numeric) / 9 as sum_pinball_qty,
        count(*) filter (where actual_qty between q25 and q75) as n_inside_50,
        count(*) filter (where actual_qty between q10 and q90) as n_inside_80,
        count(*) filter (where actual_qty between q05 and q95) as n_inside_90,
        count(*) filter (where actual_qty between q01 and q99) as n_inside_98,
        count(*) filter (where actual_qty in (q05, q95)) as n_on_bound_90
    from scored_day
    group by item_id, location_id, rollup (lag_bucket)
),

scaled as (
    select
        score.*,
        item.category,
        score.sum_abs_error_qty / nullif(score.n_rows, 0) / nullif(series.mase_scale, 0) as mase,
        sqrt(score.sum_squared_error / nullif(score.n_rows, 0)) / nullif(series.rmsse_scale, 0) as rmsse
    from series_and_bucket as score
    left join analytics.forecast_series as series
        on series.client_id = {client_id}
        and series.run_id = {run_id}::uuid
        and series.model = {model}
        and series.item_id = score.item_id
        and series.location_id = score.location_id
    left join analytics.dim_item as item
        on item.client_id = {client_id}
        and item.item_id = score.item_id
    where score.lag_bucket <> 'beyond'
),

-- Bits of grouping(): item, location, category; a set bit is a column that was added over.
rolled_up as (
    select
        case grouping(item_id, location_id, category)
            when 1 then 'series'
            when 3 then 'item'
            when 5 then 'location'
            when 6 then 'category'
            when 7 then 'client'
        end as grain,
        lag_bucket,
        item_id,
        location_id,
        category,
        sum(n_rows) as n_rows,
        count(*) filter (where n_rows > 0) as n_series,
        sum(n_masked) as n_masked,
        count(*) filter (where n_rows > 0 and (mase is null or rmsse is null)) as n_undefined,
        sum(n_positive) as n_positive,
        coalesce(sum(sum_actual_qty), 0) as sum_actual_qty,
        coalesce(sum(sum_forecast_qty), 0) as sum_forecast_qty,
        coalesce(sum(sum_abs_error_qty), 0) as sum_abs_error_qty,
        coalesce(sum(sum_squared_error), 0) as sum_squared_error,
        coalesce(sum(sum_abs_pct_error), 0) as sum_abs_pct_error,
        coalesce(sum(sum_pinball_qty), 0) as sum_pinball_qty,
        coalesce(sum(mase::numeric), 0) as sum_mase,
        count(mase) as n_mase,
        coalesce(sum(rmsse::numeric), 0) as sum_rmsse,
        count(rmsse) as n_rmsse,
        sum(n_inside_50) as n_inside_50,
        sum(n_inside_80) as n_inside_80,
        sum(n_inside_90) as n_inside_90,
        sum(n_inside_98) as n_inside_98,
        sum(n_on_bound_90) as n_on_bound_90
    from scaled
    group by grouping sets (
        (lag_bucket, item_id, location_id),
        (lag_bucket, item_id),
        (lag_bucket, location_id),
        (lag_bucket, category),
        (lag_bucket)
    )
    having grouping(category) = 1 or category is not null
)

select
    {client_id},
    {scoring_id}::uuid,
    grain,
    case grain
        -- a | inside an id is escaped, so that two series never share a key
        when 'series' then
            replace(replace(item_id, '\', '\\'), '|', '\|')
            || '|' || replace(replace(location_id, '\', '\\'), '|', '\|')
        when 'item' then item_id
        when 'location' then location_id
        when 'category' then category
        else {client_id}
    end,
    lag_bucket,
    {run_id}::uuid,
    {model},
    {as_of_date}::date,
    item_id,
    location_id,
    category,
    now(),
    {actuals_through}::date,
    {input_watermark},
    true,
    n_rows,
    n_series,
    n_masked,
    n_undefined,
    n_positive,
    sum_actual_qty,
    sum_forecast_qty,
    sum_abs_error_qty,
    sum_squared_error,
    sum_abs_pct_error,
    sum_pinball_qty,
    sum_mase,
    n_mase,
    sum_rmsse,
    n_rmsse,
    n_inside_50,
    n_inside_80,
    n_inside_90,
    n_inside_98,
    n_on_bound_90,
    sum_abs_pct_error / nullif(n_positive, 0),
    n_positive::float8 / nullif(n_rows, 0),
    sum_abs_error_qty / nullif(sum_actual_qty, 0),
    sum_abs_error_qty / nullif(n_rows, 0),
    sqrt(sum_squared_error / nullif(n_rows, 0)),
    (sum_forecast_qty - sum_actual_qty) / nullif(sum_actual_qty, 0),
    (sum_forecast_qty - sum_actual_qty) / nullif(n_rows, 0),
    sum_mase / nullif(n_mase, 0),
    sum_rmsse / nullif(n_rmsse, 0),
    sum_pinball_qty / nullif(sum_actual_qty, 0),
    n_inside_50::float8 / nullif(n_rows, 0),
    n_inside_80::float8 / nullif(n_rows, 0),
    n_inside_90::float8 / nullif(n_rows, 0),
    n_inside_98::float8 / nullif(n_rows, 0)
from rolled_up
