-- every part is looked up by the key of its table, line by line: one item costs as much in a large plan
select
    plan.item_id,
    plan.location_id,
    plan.line_no,
    runs.as_of_date,
    latest.run_id is not null as is_latest,
    plan.priority_rank,
    plan.action,
    plan.order_qty,
    plan.order_date,
    plan.receipt_date,
    plan.urgency,
    plan.reason,
    jsonb_build_object(
        'run_id', plan.run_id,
        'as_of_date', runs.as_of_date,
        'published_at', runs.published_at,
        'is_current', runs.is_current,
        'code_version', runs.code_version,
        'input_digest', runs.input_digest,
        'input_watermark', runs.input_watermark,
        'dagster_run_id', runs.dagster_run_id,
        'policy', runs.config
    ) as inventory_run,
    (coalesce(to_jsonb(demand), '{}') || to_jsonb(metrics))
    - array['client_id', 'run_id', 'item_id', 'location_id']
    || jsonb_build_object(
        'net_need_qty', plan.net_need_qty,
        'moq_qty', plan.moq_qty,
        'order_multiple_qty', plan.order_multiple_qty,
        'rounding_qty', plan.rounding_qty
    ) as figures,
    case
        when forecast.run_id is not null
            then jsonb_build_object(
                    'run_id', forecast.run_id,
                    'model', forecast.model,
                    'made_by', coalesce(series.made_by, forecast.model),
                    'choice', coalesce(series.choice, forecast.reason),
                    'status', series.status,
                    'reason', series.reason,
                    'history_days', series.history_days,
                    'observed_days', series.observed_days,
                    'as_of_date', forecast.as_of_date,
                    'grain', forecast.grain,
                    'published_at', forecast.published_at,
                    'code_version', forecast.code_version,
                    'input_digest', forecast.input_digest,
                    'input_watermark', forecast.input_watermark,
                    'dagster_run_id', forecast.dagster_run_id,
                    'models', made.models
                )
    end as forecast,
    case
        when judged.run_id is not null
            then jsonb_build_object(
                    'run_id', judged.run_id,
                    'leader', judged.model,
                    'reason', judged.reason,
                    'score', judged.score,
                    'preferred_score', judged.preferred_score,
                    'scores', judged.scores,
                    'own_weight', judged.own_weight,
                    'demand_class', judged.demand_class,
                    'n_origins', judged.n_origins,
                    'judged', leader.reason,
                    'first_origin_date', leader.first_origin_date,
                    'last_origin_date', leader.last_origin_date,
                    'code_version', leader.code_version,
                    'input_digest', leader.input_digest,
                    'dagster_run_id', leader.dagster_run_id,
                    'published_at', leader.published_at
                )
    end as backtest,
    calibrated.by_lag as calibration,
    build.document as demand_build,
    case
        when inputs.run_id is not null
            then jsonb_build_object(
                    'sales_from', inputs.sales_from,
                    'sales', brought.sales,
                    'stock', {{ delivered_file("inputs.stock_file_id") }},
                    'item', {{ delivered_file("inputs.item_file_id") }},
                    'supplier', {{ delivered_file("inputs.supplier_file_id") }},
                    'lead_time', brought.lead_time,
                    'open_orders', brought.open_orders
                )
    end as files,
    decided.decisions,
    jsonb_strip_nulls(
        jsonb_build_object(
            'forecast', case when forecast.run_id is null then 'The forecast run is not kept any more.' end,
            'backtest', case
                when forecast.backtest_run_id is null
                    then
                        'The forecast follows no backtest: there was none, or the client has the first model '
                        || 'of its policy lead.'
                when judged.run_id is null
                    then 'The backtest did not judge this series; those of its demand class decided.'
            end,
            'calibration', case
                when forecast.backtest_run_id is null then 'Nothing is calibrated without a backtest.'
                when calibrated.by_lag is null
                    then 'The backtest calibrated no forecast of this model and demand class.'
            end,
            'demand_build', case
                when
                    build.document is null
                    then 'The version that built the demand did not record its builds.'
            end,
            'files', case
                when inputs.run_id is null then 'The version that made the plan did not note its files.'
            end,
            'stock', case
                when inputs.run_id is not null and inputs.stock_file_id is null
                    then 'No stock level of this item was delivered.'
            end,
            'supplier', case
                when inputs.run_id is not null and inputs.supplier_file_id is null
                    then 'No file of suppliers names the supplier of this item.'
            end,
            'lead_time', case
                when metrics.lead_time_source is null then 'No lead time is known.'
                when metrics.lead_time_source = 'client_default'
                    then 'The lead time is the default of the client, which no file holds.'
            end,
            'line_numbers',
            'Which line of its file a good row stood on is not kept; the content of a file is known by its '
            || 'sha256.'
        )
    ) as unknown,
    plan.client_id,
    plan.run_id
from {{ source('analytics', 'replenishment_plan') }} as plan
inner join {{ source('analytics', 'inventory_runs') }} as runs
    on plan.client_id = runs.client_id and plan.run_id = runs.run_id
left join {{ ref('current_inventory_runs') }} as latest
    on plan.client_id = latest.client_id and plan.run_id = latest.run_id
left join {{ source('analytics', 'inventory_metrics') }} as metrics
    on plan.client_id = metrics.client_id and plan.run_id = metrics.run_id
    and plan.item_id = metrics.item_id and plan.location_id = metrics.location_id
left join {{ source('analytics', 'lead_time_demand') }} as demand
    on plan.client_id = demand.client_id and plan.run_id = demand.run_id
    and plan.item_id = demand.item_id and plan.location_id = demand.location_id
left join {{ source('analytics', 'plan_inputs') }} as inputs
    on plan.client_id = inputs.client_id and plan.run_id = inputs.run_id
    and plan.item_id = inputs.item_id and plan.location_id = inputs.location_id
left join {{ source('analytics', 'forecast_runs') }} as forecast
    on runs.client_id = forecast.client_id and runs.forecast_run_id = forecast.run_id
    and runs.forecast_model = forecast.model
left join {{ source('analytics', 'forecast_series') }} as series
    on forecast.client_id = series.client_id and forecast.run_id = series.run_id
    and forecast.model = series.model
    and plan.item_id = series.item_id and plan.location_id = series.location_id
left join {{ source('analytics', 'backtest_series') }} as judged
    on forecast.client_id = judged.client_id and forecast.backtest_run_id = judged.run_id
    and plan.item_id = judged.item_id and plan.location_id = judged.location_id
left join {{ source('analytics', 'backtest_runs') }} as leader
    on judged.client_id = leader.client_id and judged.run_id = leader.run_id and judged.model = leader.model
-- members and shares of the ensemble that made the forecast, where one did
left join {{ source('analytics', 'backtest_runs') }} as ensemble
    on forecast.client_id = ensemble.client_id and forecast.backtest_run_id = ensemble.run_id
    and series.made_by = ensemble.model
left join lateral (
    select
        jsonb_agg(
            jsonb_build_object(
                'model', model.model,
                'model_id', model.model_id,
                'weights_source', model.weights_source,
                'weights_digest', model.weights_digest,
                'settings', model.settings,
                'share',
                ensemble.settings -> 'weights' -> coalesce(metrics.demand_class, 'none') -> model.model
            )
            order by model.model
        ) as models
    from {{ source('analytics', 'forecast_runs') }} as model
    where model.client_id = forecast.client_id
        and model.run_id = forecast.run_id
        and (
            model.model = coalesce(series.made_by, forecast.model)
            or coalesce(ensemble.settings -> 'members', '[]') @> to_jsonb(model.model)
        )
) as made on true
left join lateral (
    select
        jsonb_agg(
            jsonb_build_object(
                'model', bucket.model,
                'demand_class', bucket.demand_class,
                'lag_bucket', bucket.lag_bucket,
                'factor', bucket.factor,
                'n_series', bucket.n_series
            )
            order by bucket.lag_bucket
        ) as by_lag
    from {{ source('analytics', 'calibrations') }} as bucket
    where bucket.client_id = forecast.client_id
        and bucket.run_id = forecast.backtest_run_id
        and bucket.model = series.made_by
        and bucket.demand_class = coalesce(metrics.demand_class, 'none')
) as calibrated on true
left join lateral (
    select to_jsonb(built) - 'client_id' as document
    from {{ source('analytics', 'demand_runs') }} as built
    where built.client_id = forecast.client_id and built.ended_at <= forecast.published_at
    order by built.ended_at desc
    limit 1
) as build on true
left join lateral (  -- noqa: ST05
    select
        (
            select
                coalesce(
                    jsonb_agg(
                        coalesce({{ delivered_file("(entry.noted ->> 'file_id')::bigint") }}, '{}')
                        || entry.noted
                    ),
                    '[]'
                )
            from jsonb_array_elements(inputs.sales) as entry (noted)
        ) as sales,
        (
            select coalesce(jsonb_agg({{ delivered_file("entry.file_id") }}), '[]')
            from unnest(inputs.lead_time_file_ids) as entry (file_id)
        ) as lead_time,
        (
            select
                coalesce(
                    jsonb_agg(
                        entry.noted
                        || jsonb_build_object(
                            'file', {{ delivered_file("(entry.noted ->> 'file_id')::bigint") }}
                        )
                    ),
                    '[]'
                )
            from jsonb_array_elements(inputs.open_orders) as entry (noted)
        ) as open_orders
) as brought on true
left join lateral (
    select
        coalesce(
            jsonb_agg(
                to_jsonb(taken) - array['client_id', 'run_id', 'item_id', 'location_id', 'line_no']
                || jsonb_build_object(
                    'ending', ends.ending,
                    'ended_by', ends.ended_by,
                    'ended_at', ends.ended_at,
                    'order_number', orders.order_number
                )
                order by taken.attempt
            ),
            '[]'
        ) as decisions
    from {{ source('analytics', 'plan_decisions') }} as taken
    left join {{ source('analytics', 'decision_ends') }} as ends using (client_id, decision_id)
    left join {{ source('analytics', 'approved_orders') }} as orders using (client_id, order_serial)
    where taken.client_id = plan.client_id
        and taken.item_id = plan.item_id
        and taken.location_id = plan.location_id
        and taken.run_id = plan.run_id
        and taken.line_no = plan.line_no
) as decided on true
