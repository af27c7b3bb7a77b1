{%- set metrics = ["wape", "bias", "wql"] -%}
{%- set segment = "client_id, grain, segment, segment_key, lag_bucket" -%}

-- inlined wherever it is read: a condition on the client reaches the tables
with scored as not materialized (

    select
        scorings.client_id,
        scorings.run_id,
        scorings.model,
        date_trunc('month', scorings.as_of_date)::date as month,
        runs.grain,
        runs.is_champion,
        totals.grain as segment,
        totals.grain_key as segment_key,
        totals.lag_bucket,
        totals.{{ totals().split(",") | join(", totals.") }}
    from {{ source('analytics', 'scorings') }} as scorings
    inner join {{ source('analytics', 'score_totals') }} as totals using (client_id, run_id, model)
    inner join {{ source('analytics', 'forecast_runs') }} as runs using (client_id, run_id, model)
    where scorings.is_current and totals.lag_bucket <> 'beyond'

),

-- a yardstick counts where the same run was scored with it on as many rows
beside as not materialized (

    select
        *,
        max(sum_abs_error_qty) filter (where model = 'seasonal_naive') over alike as error_of_naive,
        max(sum_abs_error_qty) filter (where model = 'ma7') over alike as error_of_ma7
    from scored
    window alike as (partition by client_id, run_id, segment, segment_key, lag_bucket, n_rows)

),

added as not materialized (

    select
        {{ segment }},
        month,
        model,
        count(*)::int as n_runs,
        (count(*) filter (where is_champion))::int as n_runs_led,
        {%- for yardstick in ("naive", "ma7") %}
            sum(sum_abs_error_qty) filter (where error_of_{{ yardstick }} is not null)
                as error_beside_{{ yardstick }},
            sum(error_of_{{ yardstick }}) as error_of_{{ yardstick }},
        {%- endfor %}
        max(n_series) as most_series,
        {{ added_up(counts() ~ "," ~ sums()) }},
        sum(sum_pinball_qty) as sum_pinball_qty
    from beside
    group by {{ segment }}, month, model

)

select
    client_id,
    month,
    model,
    segment,
    segment_key,
    lag_bucket,
    grain,
    n_runs,
    n_runs_led,
    most_series as n_series,
    n_rows,
    {%- for name in metrics %}
        ({{ metric_formula(name) }})::float8 as {{ name }},
    {%- endfor %}
    (1 - error_beside_naive / nullif(error_of_naive, 0))::float8 as fva_naive,
    (1 - error_beside_ma7 / nullif(error_of_ma7, 0))::float8 as fva_ma7,
    {{ coverage(80) }},
    {{ coverage(90) }}
from added
