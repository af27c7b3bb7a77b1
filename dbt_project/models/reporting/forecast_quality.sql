{%- set scoring = [
    "client_id",
    "run_id",
    "model",
    "scoring_id",
    "as_of_date",
    "scored_at",
    "actuals_through",
    "input_watermark",
    "is_current",
] | join(", ") -%}

-- inlined wherever it is read: a condition on runs, items and buckets reaches the tables
with bucket as not materialized (

    select
        {{ scoring }},
        item_id,
        location_id,
        lag_bucket,
        mase_scale,
        rmsse_scale,
        {{ sums_of_a_series().split(",") | join(", ") }}
    from {{ source('analytics', 'scorings') }}
    inner join {{ source('analytics', 'score_sums') }} using (client_id, run_id, model)
    where lag_bucket <> 'beyond'

    union all

    select
        {{ scoring }},
        item_id,
        location_id,
        'all' as lag_bucket,
        mase_scale,
        rmsse_scale,
        {{ added_up(sums_of_a_series()) }}
    from {{ source('analytics', 'scorings') }}
    inner join {{ source('analytics', 'score_sums') }} using (client_id, run_id, model)
    group by {{ scoring }}, item_id, location_id, mase_scale, rmsse_scale

),

scaled as not materialized (

    select
        *,
        {{ scaled_errors() }}
    from bucket

),

-- a | inside an id is escaped, so that two series never share a key
series as (

    select
        {{ scoring }},
        'series' as grain,
        replace(replace(item_id, '\', '\\'), '|', '\|')
        || '|' || replace(replace(location_id, '\', '\\'), '|', '\|') as grain_key,
        lag_bucket,
        item_id,
        location_id,
        null::text as category,
        {{ added_up(counts() ~ "," ~ sums()) }},
        {{ added_by_series() }}
    from scaled
    group by {{ scoring }}, item_id, location_id, lag_bucket

),

items as (

    select
        {{ scoring }},
        'item' as grain,
        item_id as grain_key,
        lag_bucket,
        item_id,
        null::text as location_id,
        null::text as category,
        {{ added_up(counts() ~ "," ~ sums()) }},
        {{ added_by_series() }}
    from scaled
    group by {{ scoring }}, item_id, lag_bucket

),

totals as (

    select
        {{ scoring }},
        grain,
        grain_key,
        lag_bucket,
        null::text as item_id,
        case when grain = 'location' then grain_key end as location_id,
        case when grain = 'category' then grain_key end as category,
        {{ totals().split(",") | join(", ") }}
    from {{ source('analytics', 'scorings') }}
    inner join {{ source('analytics', 'score_totals') }} using (client_id, run_id, model)
    where lag_bucket <> 'beyond'

),

every_grain as (

    select * from series
    union all
    select * from items
    union all
    select * from totals

)

select
    client_id,
    scoring_id,
    grain,
    grain_key,
    lag_bucket,
    run_id,
    model,
    as_of_date,
    item_id,
    location_id,
    category,
    scored_at,
    actuals_through,
    input_watermark,
    is_current,
    n_rows,
    n_series,
    n_masked,
    n_undefined,
    n_positive,
    {%- for name in (sums() ~ ",sum_pinball_qty,sum_mase").split(",") %}
        {{ name }}::float8 as {{ name }},
    {%- endfor %}
    n_mase,
    sum_rmsse::float8 as sum_rmsse,
    n_rmsse,
    {%- for percent in intervals().split(",") %}
        n_inside_{{ percent }},
    {%- endfor %}
    {%- for name in metrics_of_scores().split(",") %}
        ({{ metric_formula(name) }})::float8 as {{ name }},
    {%- endfor %}
    {%- for percent in intervals().split(",") %}
        {{ coverage(percent) }},
    {%- endfor %}
    n_on_bound_90
from every_grain
