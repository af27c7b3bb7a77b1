-- of the current backtest, on the origins no choice was made on; on all of them where there were too few
with judged as (

    select
        scores.*,
        series.demand_class
    from {{ source('analytics', 'backtest_scores') }} as scores
    inner join {{ source('analytics', 'backtest_runs') }} as runs using (client_id, run_id, model)
    left join
        {{ source('analytics', 'backtest_series') }} as series
        using (client_id, run_id, item_id, location_id)
    where runs.is_current and scores.origin_date >= coalesce(runs.judged_from, runs.first_origin_date)

),

of_series as (

    select
        client_id,
        run_id,
        model,
        origin_date,
        item_id,
        location_id,
        demand_class,
        coalesce(lag_bucket, 'all') as lag_bucket,
        max(mase_scale) as mase_scale,
        max(rmsse_scale) as rmsse_scale,
    {%- for name in sums_of_a_series().split(",") %}
        sum({{ name }}) as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
    from judged
    group by
        grouping sets (
            (client_id, run_id, model, origin_date, item_id, location_id, demand_class, lag_bucket),
            (client_id, run_id, model, origin_date, item_id, location_id, demand_class)
        )

),

scaled as (

    select
        *,
        {{ scaled_errors() }}
    from of_series

),

compared as (

    select
        client_id,
        run_id,
        model,
        coalesce(demand_class, 'all') as demand_class,
        lag_bucket,
        count(distinct row(item_id, location_id)) filter (where n_rows > 0) as series,
        avg(sum_pinball_qty / n_rows / nullif(mase_scale, 0)) filter (where n_rows > 0) as scaled_loss,
        {{ added_up(counts() ~ "," ~ sums()) }},
        {{ added_by_series() }}
    from scaled
    where lag_bucket <> 'beyond'
    group by
        grouping sets (
            (client_id, run_id, model, demand_class, lag_bucket), (client_id, run_id, model, lag_bucket)
        )

),

measured as (

    select
        *,
    {%- for name in ("wql", "wape", "bias", "mase", "rmsse") %}
        ({{ metric_formula(name) }})::float8 as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
    from compared

),

held as (

    select
        client_id,
        run_id,
        model,
        coalesce(demand_class, 'all') as demand_class,
        coalesce(lag_bucket, 'all') as lag_bucket,
        level,
        sum(n_below) / nullif(sum(n_actuals), 0) as share_below
    from {{ source('analytics', 'backtest_reliability') }}
    where is_calibrated = (model = 'champion')
    group by
        grouping sets (
            (client_id, run_id, model, demand_class, lag_bucket, level),
            (client_id, run_id, model, demand_class, level),
            (client_id, run_id, model, lag_bucket, level),
            (client_id, run_id, model, level)
        )

),

bands as (

    select
        client_id,
        run_id,
        model,
        demand_class,
        lag_bucket,
    {%- for percent in intervals().split(",") %}
        max(share_below) filter (where level = {{ (100 + percent | int) / 200 }})
        - max(share_below) filter (where level = {{ (100 - percent | int) / 200 }})
            as coverage_{{ percent }}{{ "," if not loop.last }}
    {%- endfor %}
    from held
    group by client_id, run_id, model, demand_class, lag_bucket

),

led as (

    select
        client_id,
        run_id,
        model,
        coalesce(demand_class, 'all') as demand_class,
        count(*) as leads_for
    from {{ source('analytics', 'backtest_series') }}
    group by grouping sets ((client_id, run_id, model, demand_class), (client_id, run_id, model))

)

select
    measured.client_id,
    measured.model,
    measured.demand_class,
    measured.lag_bucket,
    measured.run_id,
    measured.series as n_series,
    measured.n_rows,
    led.leads_for,
    measured.scaled_loss::float8 as scaled_loss,
    measured.wql,
    measured.wape,
    measured.bias,
    measured.mase,
    measured.rmsse,
    (1 - measured.sum_abs_error_qty / nullif(naive.sum_abs_error_qty, 0))::float8 as fva_naive,
    (1 - measured.sum_abs_error_qty / nullif(ma7.sum_abs_error_qty, 0))::float8 as fva_ma7,
{%- for percent in intervals().split(",") %}
    bands.coverage_{{ percent }}{{ "," if not loop.last }}
{%- endfor %}
from measured
left join bands using (client_id, run_id, model, demand_class, lag_bucket)
left join led using (client_id, run_id, model, demand_class)
left join measured as naive
    on measured.client_id = naive.client_id
    and measured.run_id = naive.run_id
    and measured.demand_class = naive.demand_class
    and measured.lag_bucket = naive.lag_bucket
    and naive.model = 'seasonal_naive'
left join measured as ma7
    on measured.client_id = ma7.client_id
    and measured.run_id = ma7.run_id
    and measured.demand_class = ma7.demand_class
    and measured.lag_bucket = ma7.lag_bucket
    and ma7.model = 'ma7'
