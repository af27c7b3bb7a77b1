-- Scores one model of one forecast run at every grain and lag bucket; one statement, one pass over the
-- forecast. The rows of a bucket, and of "all", are added up once per series; every other grain is a sum of
-- those sums. Definitions: docs/data-model.md; e is forecast less actual.
--
-- Reads the temporary table "actual" (item_id, location_id, date, actual_qty, is_masked), which holds the known
-- days, or weeks or months by their first day. A series has no row there before its first sale, where its
-- demand is zero, or unknown if the location was closed, as it is before it first sells anything. A masked
-- day's actual is null, and null drops out of every sum.
--
-- A template: the formulas are dbt_project/macros/accuracy.sql, the columns those of the table.
{% from "accuracy.sql" import accuracy_metric, coverage, decile_losses, is_inside, is_on_bound, stored_metrics %}
{% set intervals = [50, 80, 90, 98] %}
insert into analytics.forecast_quality ({{ columns | join(", ") }})
with closed_day as (
    select
        location_id,
        date
    from analytics.location_calendar
    where client_id = {client_id} and date <= {actuals_through}::date and is_closed
),

-- of weeks and months no calendar tells: a location was open where anything of it has a row that says so
open_period as (
    select distinct
        location_id,
        date
    from analytics.ts_demand_periods
    where client_id = {client_id} and date <= {actuals_through}::date and not is_closed
),

scored_day as (
    select
        forecast.*,
        case
            when forecast.lag_days <= {first_period_days} then '1'
            when {grain} = 'day' then
                case
                    when forecast.lag_days <= 7 then '2-7'
                    when forecast.lag_days <= 14 then '8-14'
                    when forecast.lag_days <= 28 then '15-28'
                    else 'beyond'
                end
            when {grain} = 'week' then
                case
                    when forecast.lag_days <= 28 then '2-4'
                    when forecast.lag_days <= 91 then '5-13'
                    else 'beyond'
                end
            -- three months have at most 92 days, six at most 184
            when forecast.lag_days <= 92 then '2-3'
            when forecast.lag_days <= 184 then '4-6'
            else 'beyond'
        end as lag_bucket,
        case
            when coalesce(
                actual.is_masked,
                case when {grain} = 'day' then closed_day.date is not null else open_period.date is null end
            ) then null
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
    left join open_period
        on open_period.location_id = forecast.location_id
        and open_period.date = forecast.date
    where forecast.client_id = {client_id}
        and forecast.run_id = {run_id}::uuid
        and forecast.model = {model}
        and forecast.date <= {actuals_through}::date
),

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
        sum(({{ decile_losses("actual_qty") }})::numeric) / 9 as sum_pinball_qty,
        {% for percent in intervals %}
        count(*) filter (where {{ is_inside("actual_qty", percent) }}) as n_inside_{{ percent }},
        {% endfor %}
        count(*) filter (where {{ is_on_bound("actual_qty", 90) }}) as n_on_bound_90
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
        {% for percent in intervals %}
        sum(n_inside_{{ percent }}) as n_inside_{{ percent }},
        {% endfor %}
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
),

scored as (
    select
        {client_id} as client_id,
        {scoring_id}::uuid as scoring_id,
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
        end as grain_key,
        lag_bucket,
        {run_id}::uuid as run_id,
        {model} as model,
        {as_of_date}::date as as_of_date,
        item_id,
        location_id,
        category,
        now() as scored_at,
        {actuals_through}::date as actuals_through,
        {input_watermark} as input_watermark,
        case when grain = 'client' and lag_bucket = 'all' then {actuals_digest}::text end as actuals_digest,
        true as is_current,
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
        {% for percent in intervals %}
        n_inside_{{ percent }},
        {{ coverage(percent) }},
        {% endfor %}
        n_on_bound_90,
        {% for name in stored_metrics().split(",") %}
        {{ accuracy_metric(name) }}{{ "," if not loop.last }}
        {% endfor %}
    from rolled_up
)

select {{ columns | join(", ") }}
from scored
