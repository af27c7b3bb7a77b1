-- Adds some periods of one model of one forecast run to its sums, and makes the totals over series anew for the
-- lag buckets these periods are of, and for all of them; one statement, which reads the forecast once.
-- Definitions: docs/data-model.md; e is forecast less actual.
--
-- Reads the temporary tables "actual" (item_id, location_id, date, actual_qty, is_masked), which holds the known
-- days, or weeks or months by their first day, and "calendar_mark" (location_id, date): the days on which a
-- location was closed, or the weeks and months in which it was open. A series has no row in "actual" before its
-- first sale, where its demand is zero, or unknown if the location was closed, as it is before it first sells
-- anything. A masked day's actual is null, and null drops out of every sum.
--
-- The buckets of "added" have sums already, those of the other periods have none. A template: the formulas are
-- dbt_project/macros/accuracy.sql; "is_one_each" where no bucket gets more than one period, and there is nothing
-- to add up before its sums.
{% from "accuracy.sql" import added_by_series, added_up, addends, counts, scaled_errors, sums, sums_of_a_series,
    totals, totals_by_series %}
{% set summed = sums_of_a_series().split(",") %}
{#- Bits of grouping(): location, category; a set bit is a column that was added over. -#}
{% macro grain_and_key() -%}
    case grouping(location_id, category)
        when 1 then 'location'
        when 2 then 'category'
        when 3 then 'client'
    end as grain,
    coalesce(location_id, category, {client_id}) as grain_key
{%- endmacro %}
with due as (
    select
        date,
        lag_bucket
    from unnest({dates}::date[], {buckets}::text[]) as due (date, lag_bucket)
),

scored_day as (
    select
        forecast.*,
        due.lag_bucket,
        case
            when coalesce(actual.is_masked, (calendar_mark.date is null) <> ({grain} = 'day')) then null
            else coalesce(actual.actual_qty, 0)
        end as actual_qty
    from analytics.forecast_results as forecast
    inner join due
        on due.date = forecast.date
    left join actual
        on actual.item_id = forecast.item_id
        and actual.location_id = forecast.location_id
        and actual.date = forecast.date
    left join calendar_mark
        on calendar_mark.location_id = forecast.location_id
        and calendar_mark.date = forecast.date
    where forecast.client_id = {client_id}
        and forecast.run_id = {run_id}::uuid
        and forecast.model = {model}
        and forecast.date = any({dates}::date[])
),

addend as (
    select
        item_id,
        location_id,
        lag_bucket,
        {{ addends("actual_qty") }}
    from scored_day
),

landed as (
    {% if is_one_each %}
    select * from addend
    {% else %}
    select
        item_id,
        location_id,
        lag_bucket,
        {{ added_up(sums_of_a_series()) }}
    from addend
    group by item_id, location_id, lag_bucket
    {% endif %}
),

added as (
    update analytics.score_sums as sums
    set
        {% for name in summed %}
        {{ name }} = sums.{{ name }} + landed.{{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from landed
    where sums.client_id = {client_id}
        and sums.run_id = {run_id}::uuid
        and sums.model = {model}
        and sums.lag_bucket = any({added}::text[])
        and landed.lag_bucket = sums.lag_bucket
        and landed.item_id = sums.item_id
        and landed.location_id = sums.location_id
    returning sums.*
),

begun as (
    insert into analytics.score_sums (
        client_id, run_id, model, item_id, location_id, lag_bucket, mase_scale, rmsse_scale,
        {{ summed | join(", ") }}
    )
    select
        {client_id},
        {run_id}::uuid,
        {model},
        landed.item_id,
        landed.location_id,
        landed.lag_bucket,
        series.mase_scale,
        series.rmsse_scale,
        {% for name in summed %}
        landed.{{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from landed
    left join analytics.forecast_series as series
        on series.client_id = {client_id}
        and series.run_id = {run_id}::uuid
        and series.model = {model}
        and series.item_id = landed.item_id
        and series.location_id = landed.location_id
    where landed.lag_bucket <> all({added}::text[])
    returning *
),

of_this_landing as (
    select * from added
    union all
    select * from begun
),

every_bucket as (
    select * from of_this_landing
    union all
    select *
    from analytics.score_sums
    where client_id = {client_id}
        and run_id = {run_id}::uuid
        and model = {model}
        and lag_bucket <> all({buckets}::text[])
),

scaled as (
    select
        *,
        {{ scaled_errors() }}
    from every_bucket
    where lag_bucket = any({totalled}::text[])
),

cell as (
    select
        scaled.lag_bucket,
        scaled.location_id,
        item.category,
        {{ added_up(counts() ~ "," ~ sums()) }},
        {{ added_by_series() }}
    from scaled
    left join analytics.dim_item as item
        on item.client_id = {client_id}
        and item.item_id = scaled.item_id
    group by scaled.lag_bucket, scaled.location_id, item.category
),

of_bucket as (
    select
        {{ grain_and_key() }},
        lag_bucket,
        {{ added_up(totals()) }}
    from cell
    group by grouping sets ((lag_bucket, location_id), (lag_bucket, category), (lag_bucket))
    having grouping(category) = 1 or category is not null
),

-- a scaled error of all buckets is not the sum of theirs; everything else is
series as (
    select
        item_id,
        location_id,
        min(mase_scale) as mase_scale,
        min(rmsse_scale) as rmsse_scale,
        {{ added_up("n_rows,sum_abs_error_qty,sum_squared_error,sum_decile_losses_qty") }}
    from every_bucket
    group by item_id, location_id
),

scaled_series as (
    select
        *,
        {{ scaled_errors() }}
    from series
),

cell_of_all as (
    select
        scaled_series.location_id,
        item.category,
        {{ added_by_series() }}
    from scaled_series
    left join analytics.dim_item as item
        on item.client_id = {client_id}
        and item.item_id = scaled_series.item_id
    group by scaled_series.location_id, item.category
),

all_by_series as (
    select
        {{ grain_and_key() }},
        {{ added_up(totals_by_series()) }}
    from cell_of_all
    group by grouping sets ((location_id), (category), ())
    having grouping(category) = 1 or category is not null
),

of_every_bucket as (
    select
        grain,
        grain_key,
        {{ (counts() ~ "," ~ sums()).split(",") | join(", ") }}
    from of_bucket
    union all
    select
        grain,
        grain_key,
        {{ (counts() ~ "," ~ sums()).split(",") | join(", ") }}
    from analytics.score_totals
    where client_id = {client_id}
        and run_id = {run_id}::uuid
        and model = {model}
        and lag_bucket <> 'all'
        and lag_bucket <> all({totalled}::text[])
),

all_by_bucket as (
    select
        grain,
        grain_key,
        {{ added_up(counts() ~ "," ~ sums()) }}
    from of_every_bucket
    group by grain, grain_key
),

written as (
    insert into analytics.score_totals (
        client_id, run_id, model, grain, grain_key, lag_bucket, {{ totals().split(",") | join(", ") }}
    )
    select
        {client_id},
        {run_id}::uuid,
        {model},
        grain,
        grain_key,
        lag_bucket,
        {{ totals().split(",") | join(", ") }}
    from of_bucket
    union all
    select
        {client_id},
        {run_id}::uuid,
        {model},
        grain,
        grain_key,
        'all' as lag_bucket,
        {{ totals().split(",") | join(", ") }}
    from all_by_bucket
    inner join all_by_series using (grain, grain_key)
    returning 1
)

select
    (select count(*) from landed),
    (select count(*) from of_this_landing),
    (select count(*) from written)
