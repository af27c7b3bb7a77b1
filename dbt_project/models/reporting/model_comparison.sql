{%- set metrics = ["wql", "wape", "bias", "mase", "rmsse"] -%}
{%- set run = "client_id, run_id, model" -%}

-- of the current backtest, on the origins no choice was made on; on all of them where there were too few.
-- inlined wherever it is read, without grouping sets: a condition on the client reaches the tables
with judged as not materialized (

    select
        scores.*,
        coalesce(series.demand_class, 'none') as demand_class
    from {{ source('analytics', 'backtest_scores') }} as scores
    inner join {{ source('analytics', 'backtest_runs') }} as runs using (client_id, run_id, model)
    left join
        {{ source('analytics', 'backtest_series') }} as series
        using (client_id, run_id, item_id, location_id)
    where runs.is_current and scores.origin_date >= coalesce(runs.judged_from, runs.first_origin_date)

),

of_series as not materialized (

    select
        {{ run }},
        origin_date,
        item_id,
        location_id,
        demand_class,
        lag_bucket,
        mase_scale,
        rmsse_scale,
        {{ sums_of_a_series().split(",") | join(", ") }}
    from judged
    where lag_bucket <> 'beyond'

    union all

    select
        {{ run }},
        origin_date,
        item_id,
        location_id,
        demand_class,
        'all' as lag_bucket,
        mase_scale,
        rmsse_scale,
        {{ added_up(sums_of_a_series()) }}
    from judged
    group by {{ run }}, origin_date, item_id, location_id, demand_class, mase_scale, rmsse_scale

),

scaled as not materialized (

    select
        *,
        {{ scaled_errors() }}
    from of_series

),

compared as not materialized (

    {% for demand_class in ("demand_class", "'all' as demand_class") %}
        select
            {{ run }},
            {{ demand_class }},
            lag_bucket,
            count(distinct row(item_id, location_id)) filter (where n_rows > 0) as n_series,
            avg(sum_pinball_qty / n_rows / nullif(mase_scale, 0)) filter (where n_rows > 0) as scaled_loss,
            {{ added_up(counts() ~ "," ~ sums()) }},
            {{ added_by_series().replace("as n_series", "as n_judged") }}
        from scaled
        group by {{ run }},{{ " demand_class," if loop.first }} lag_bucket
        {{ "union all" if not loop.last }}
    {% endfor %}

),

measured as not materialized (

    select
        *,
        {%- for name in metrics %}
            ({{ metric_formula(name) }})::float8 as {{ name }},
        {%- endfor %}
        max(sum_abs_error_qty) filter (where model = 'seasonal_naive') over alike as error_of_naive,
        max(sum_abs_error_qty) filter (where model = 'ma7') over alike as error_of_ma7
    from compared
    window alike as (partition by client_id, run_id, demand_class, lag_bucket)

),

held as not materialized (

    {% for demand_class, lag_bucket in (
        ("demand_class", "lag_bucket"),
        ("'all' as demand_class", "lag_bucket"),
        ("demand_class", "'all' as lag_bucket"),
        ("'all' as demand_class", "'all' as lag_bucket"),
    ) %}
        select
            {{ run }},
            {{ demand_class }},
            {{ lag_bucket }},
            level,
            sum(n_below) / nullif(sum(n_actuals), 0) as share_below
        from {{ source('analytics', 'backtest_reliability') }}
        where is_calibrated = (model = 'champion')
        group by
            {{ run }}, level
            {{- ", demand_class" if "'" not in demand_class }}{{ ", lag_bucket" if "'" not in lag_bucket }}
        {{ "union all" if not loop.last }}
    {% endfor %}

),

bands as not materialized (

    select
        {{ run }},
        demand_class,
        lag_bucket,
    {%- for percent in intervals().split(",") %}
        max(share_below) filter (where level = {{ (100 + percent | int) / 200 }})
        - max(share_below) filter (where level = {{ (100 - percent | int) / 200 }})
            as coverage_{{ percent }}{{ "," if not loop.last }}
    {%- endfor %}
    from held
    group by {{ run }}, demand_class, lag_bucket

),

led as not materialized (

    {% for demand_class in ("demand_class", "'all' as demand_class") %}
        select
            {{ run }},
            {{ demand_class }},
            count(*) as leads_for
        from {{ source('analytics', 'backtest_series') }}
        group by {{ run }}{{ ", demand_class" if loop.first }}
        {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    measured.client_id,
    measured.model,
    measured.demand_class,
    measured.lag_bucket,
    measured.run_id,
    measured.n_series,
    measured.n_rows,
    case when measured.model <> 'champion' then coalesce(led.leads_for, 0) end as leads_for,
    measured.scaled_loss::float8 as scaled_loss,
    {%- for name in metrics %}
        measured.{{ name }},
    {%- endfor %}
    (1 - measured.sum_abs_error_qty / nullif(measured.error_of_naive, 0))::float8 as fva_naive,
    (1 - measured.sum_abs_error_qty / nullif(measured.error_of_ma7, 0))::float8 as fva_ma7,
{%- for percent in intervals().split(",") %}
    bands.coverage_{{ percent }}{{ "," if not loop.last }}
{%- endfor %}
from measured
left join bands using (client_id, run_id, model, demand_class, lag_bucket)
left join led using (client_id, run_id, model, demand_class)
