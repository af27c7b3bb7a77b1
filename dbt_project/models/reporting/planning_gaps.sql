-- a line of the last values list per gap: whether it is there, and the numbers of its sentence
with clients as (

    select
        *,
        -- the days of a period that is not over wait for its end
        case grain when 'week' then 6 when 'month' then 30 else 0 end as unfinished_days
    from {{ source('analytics', 'dim_client') }}

),

delivered as (

    select
        client_id,
        sum(files_loaded) as files_loaded,
        sum(files_refused) as files_refused,
        sum(rows_read) as rows_read,
        sum(rows_rejected) as rows_rejected,
        max(refusal) as refusal,
        string_agg(kind, ', ' order by kind) filter (where files_loaded > 0) as kinds,
        sum(rows_loaded) filter (where kind in ('sales', 'm5_sales')) as sales_rows,
        sum(files_loaded) filter (where kind in ('sales', 'm5_sales')) as sales_files,
        max(last_date) filter (where kind in ('sales', 'm5_sales')) as sales_through,
        sum(rows_loaded) filter (where kind = 'stock_levels') as stock_rows,
        min(first_date) filter (where kind = 'stock_levels') as stock_from,
        sum(files_loaded) filter (where kind = 'purchase_orders') as order_files,
        sum(files_loaded) filter (where kind = 'promotions') as promotion_files,
        sum(files_loaded) filter (where kind = 'suppliers') as supplier_files
    from {{ source('analytics', 'feeds') }}
    group by client_id

),

series as (

    select
        client_id,
        count(*) as series,
        count(*) filter (where first_sale_date is null) as never_sold
    from {{ ref('dim_series') }}
    group by client_id

),

items as (

    select
        client_id,
        count(*) as items,
        count(*) filter (where not is_described) as undescribed,
        count(supplier_id) as with_supplier
    from {{ ref('dim_item') }}
    group by client_id

),

last_sales as (

    select
        client_id,
        location_id,
        max({{ period_end("last_sale_date", "grain") }}) as last_day_sold
    from {{ ref('dim_series') }}
    group by client_id, location_id

),

places as (

    select
        last_sales.client_id,
        count(*) as places,
        count(*) filter (where not coalesce(locations.is_described, false)) as undescribed,
        count(coalesce(locations.holiday_calendar, locations.country)) as with_holidays,
        count(*) filter (where last_sales.last_day_sold < freshness.last_demand_date - 28) as silent,
        min(last_sales.location_id) filter (
            where last_sales.last_day_sold < freshness.last_demand_date - 28
        ) as first_silent
    from last_sales
    left join {{ ref('dim_location') }} as locations using (client_id, location_id)
    left join {{ ref('data_freshness') }} as freshness using (client_id)
    group by last_sales.client_id

),

promoted as (

    select distinct client_id from {{ ref('promoted_days') }}

),

latest_runs as (

    select distinct on (client_id)
        client_id,
        run_id,
        as_of_date,
        horizon_days
    from {{ source('analytics', 'forecast_runs') }}
    where is_current and thinned_at is null
    order by client_id, as_of_date desc, published_at desc

),

models as (

    select
        runs.client_id,
        runs.run_id,
        latest.as_of_date,
        latest.horizon_days,
        count(*) as models,
        count(*) filter (where runs.status = 'skipped') as skipped,
        string_agg(runs.model || ': ' || runs.reason, ' ' order by runs.model)
        filter (where runs.status = 'skipped') as why_skipped,
        max(runs.model) filter (where runs.is_champion) as champion,
        max(runs.bands_problem) filter (where runs.is_champion) as bands_problem
    from latest_runs as latest
    inner join {{ source('analytics', 'forecast_runs') }} as runs using (client_id, run_id)
    group by runs.client_id, runs.run_id, latest.as_of_date, latest.horizon_days

),

-- the latest run for which the one in use stands in
held_back as (

    select
        models.client_id,
        max(runs.as_of_date) as as_of_date
    from models
    inner join {{ source('analytics', 'forecast_runs') }} as runs
        on models.client_id = runs.client_id and models.run_id = runs.stand_in_run_id
    where runs.as_of_date >= models.as_of_date
    group by models.client_id

),

judged as (

    select
        forecasts.client_id,
        count(*) as series,
        count(*) filter (where forecasts.status = 'excluded') as excluded,
        count(*) filter (where forecasts.status = 'replaced') as replaced,
        string_agg(distinct forecasts.reason, ', ') filter (
            where forecasts.status = 'excluded'
        ) as why_excluded
    from models
    inner join {{ source('analytics', 'forecast_series') }} as forecasts
        on
        models.client_id = forecasts.client_id and models.run_id = forecasts.run_id
        and models.champion = forecasts.model
    -- what is not sold any more lacks no forecast
    where forecasts.reason is distinct from 'ENDED'
    group by forecasts.client_id

),

plans as (

    select distinct on (client_id)
        client_id,
        run_id,
        forecast_run_id,
        as_of_date
    from {{ source('analytics', 'inventory_runs') }}
    where is_current
    order by client_id, as_of_date desc

),

planned as (

    select
        metrics.client_id,
        count(*) as series,
        count(*) filter (where 'MISSING_STOCK' = any(metrics.flags)) as without_stock,
        count(*) filter (where 'MISSING_LEAD_TIME' = any(metrics.flags)) as without_lead_time,
        count(*) filter (
            where metrics.net_stock_qty <= 0
            and 'MISSING_LEAD_TIME' = any(metrics.flags) and not 'NO_DEMAND' = any(metrics.flags)
        ) as undecided,
        count(*) filter (where metrics.snapshot_date < plans.as_of_date - 7) as stale,
        max(metrics.snapshot_date) filter (where metrics.snapshot_date < plans.as_of_date - 7) as stale_from,
        count(*) filter (
            where metrics.on_hand_qty < 0 or 'NEGATIVE_STOCK_ZEROED' = any(metrics.flags)
        ) as below_zero,
        count(*) filter (where 'OVERDUE_PO' = any(metrics.flags)) as overdue,
        count(*) filter (where 'UNDATED_PO' = any(metrics.flags)) as undated,
        count(*) filter (where 'HORIZON_TOO_SHORT' = any(metrics.flags)) as past_horizon,
        count(*) filter (where 'SHORT_HISTORY' = any(metrics.flags)) as short_history,
        count(*) filter (where 'LT_FROM_DEFAULT' = any(metrics.flags)) as assumed,
        count(*) filter (where 'MISSING_LEAD_TIME_SD' = any(metrics.flags)) as without_spread,
        count(*) filter (where 'MISSING_SUPPLIER' = any(metrics.flags)) as without_supplier,
        count(*) filter (where 'MISSING_PRICE' = any(metrics.flags)) as without_price,
        count(*) filter (where metrics.unit_cost is null) as without_cost
    from plans
    inner join {{ source('analytics', 'inventory_metrics') }} as metrics using (client_id, run_id)
    group by metrics.client_id

),

found as (

    select
        clients.client_id,
        gap.code,
        gap.affected,
        gap.total,
        gap.day,
        gap.detail
    from clients
    left join delivered using (client_id)
    left join {{ ref('data_freshness') }} as freshness using (client_id)
    left join {{ ref('delivery_freshness') }} as delivery using (client_id)
    left join series using (client_id)
    left join items using (client_id)
    left join places using (client_id)
    left join promoted using (client_id)
    left join models using (client_id)
    left join held_back using (client_id)
    left join judged using (client_id)
    left join plans using (client_id)
    left join planned using (client_id)
    cross join
        lateral (
            values
            (
                coalesce(series.series, 0),
                coalesce(series.series, 0) - coalesce(series.never_sold, 0),
                coalesce(delivered.files_loaded, 0),
                coalesce(delivered.files_refused, 0),
                coalesce(
                    delivered.stock_rows > 0 and planned.without_stock > 0
                    and planned.without_stock = planned.series, false
                ),
                coalesce(delivered.supplier_files > 0 and coalesce(items.with_supplier, 0) = 0, false),
                plans.client_id is not null,
                models.champion is not null,
                delivered.sales_through - clients.intraday_feed::int
            )
        ) as known (
            n_series, n_sold, n_loaded, n_refused, is_stock_unused, is_supplier_unused,
            is_planned, is_forecast, complete_through
        )
    cross join
        lateral (
            values
            ('CLIENT_INACTIVE', not clients.is_active, null::bigint, null::bigint, null::date, null::text),
            (
                'NOTHING_DELIVERED', known.n_series = 0 and known.n_loaded + known.n_refused = 0,
                null, null, null, null
            ),
            (
                'EVERYTHING_REFUSED', known.n_series = 0 and known.n_loaded = 0 and known.n_refused > 0,
                known.n_refused, known.n_refused, null, delivered.refusal
            ),
            (
                'NO_SALES',
                known.n_series = 0 and known.n_loaded > 0 and coalesce(delivered.sales_files, 0) = 0,
                null, null, null, delivered.kinds
            ),
            (
                'NOT_RUN_YET', known.n_series = 0 and delivered.sales_files > 0,
                delivered.sales_rows, null, delivered.sales_through, null
            ),
            (
                'NO_DEMAND', known.n_series > 0 and known.n_sold = 0,
                known.n_series, known.n_series, null, null
            ),
            (
                'NO_FORECAST', known.n_sold > 0 and models.client_id is null,
                known.n_sold, known.n_series, null, null
            ),
            (
                'NO_LEADING_MODEL', models.client_id is not null and not known.is_forecast,
                models.models,
                models.models,
                models.as_of_date,
                coalesce(models.why_skipped, 'none was chosen.')
            ),
            ('NO_PLAN', known.is_forecast and not known.is_planned, null, null, models.as_of_date, null),
            (
                'STOCKED_OUT_UNDECIDED', planned.undecided > 0,
                planned.undecided, planned.series, null, null
            ),
            (
                'NO_STOCK',
                planned.without_stock > 0 and not known.is_stock_unused,
                planned.without_stock, planned.series, null, null
            ),
            (
                'STOCK_OF_OTHERS',
                known.is_stock_unused and not coalesce(delivered.stock_from > plans.as_of_date, false),
                planned.without_stock, planned.series, null,
                to_char(delivered.stock_rows, 'FM999,999,999,999')
            ),
            (
                'STOCK_TOO_LATE',
                known.is_stock_unused and delivered.stock_from > plans.as_of_date,
                planned.without_stock, planned.series, delivered.stock_from, plans.as_of_date::text
            ),
            (
                'NO_LEAD_TIME',
                planned.without_lead_time > 0 and not known.is_supplier_unused,
                planned.without_lead_time, planned.series, null, null
            ),
            (
                'SUPPLIERS_UNLINKED',
                planned.without_lead_time > 0 and known.is_supplier_unused,
                planned.without_lead_time, planned.series, null, null
            ),
            (
                'FILES_REFUSED', known.n_refused > 0 and (known.n_loaded > 0 or known.n_series > 0),
                known.n_refused, known.n_loaded + known.n_refused, null, delivered.refusal
            ),
            (
                'FEED_LATE', delivery.is_late,
                delivery.age_days, delivery.allowed_days, delivery.last_date, null
            ),
            (
                'DEMAND_BEHIND',
                known.complete_through > freshness.last_demand_date + clients.unfinished_days,
                null, null, known.complete_through, freshness.last_demand_date::text
            ),
            (
                'FORECAST_HELD_BACK', held_back.as_of_date is not null,
                null, null, held_back.as_of_date, models.as_of_date::text
            ),
            (
                'FORECAST_BEHIND',
                greatest(models.as_of_date, held_back.as_of_date) < freshness.last_demand_date,
                null,
                null,
                greatest(models.as_of_date, held_back.as_of_date),
                freshness.last_demand_date::text
            ),
            (
                'PLAN_BEHIND',
                known.is_forecast and known.is_planned
                and plans.as_of_date <= models.as_of_date and plans.forecast_run_id <> models.run_id,
                null, null, plans.as_of_date, models.as_of_date::text
            ),
            (
                'BANDS_DO_NOT_HOLD', models.bands_problem is not null,
                null, null, models.as_of_date, models.bands_problem
            ),
            (
                'MODEL_SKIPPED', known.is_forecast and models.skipped > 0,
                models.skipped, models.models, null, models.why_skipped
            ),
            (
                'SERIES_NOT_FORECAST', judged.excluded > 0,
                judged.excluded, judged.series, null, judged.why_excluded
            ),
            ('STALE_STOCK', planned.stale > 0, planned.stale, planned.series, planned.stale_from, null),
            ('NEGATIVE_STOCK', planned.below_zero > 0, planned.below_zero, planned.series, null, null),
            (
                'NO_PURCHASE_ORDERS', known.is_planned and coalesce(delivered.order_files, 0) = 0,
                null, null, null, null
            ),
            ('OVERDUE_ORDERS', planned.overdue > 0, planned.overdue, planned.series, null, null),
            ('UNDATED_ORDERS', planned.undated > 0, planned.undated, planned.series, null, null),
            ('HORIZON_TOO_SHORT', planned.past_horizon > 0, planned.past_horizon, planned.series, null, null),
            ('SILENT_LOCATIONS', places.silent > 0, places.silent, places.places, null, places.first_silent),
            (
                'ROWS_REJECTED', delivered.rows_rejected > 0,
                delivered.rows_rejected, delivered.rows_read, null, null
            ),
            (
                'NEVER_SOLD', series.never_sold > 0 and known.n_sold > 0,
                series.never_sold, series.series, null, null
            ),
            (
                'NOT_SCORED', known.is_forecast and freshness.last_scored_at is null,
                null, null, freshness.last_demand_date - models.horizon_days, null
            ),
            ('FORECAST_REPLACED', judged.replaced > 0, judged.replaced, judged.series, null, null),
            ('SHORT_HISTORY', planned.short_history > 0, planned.short_history, planned.series, null, null),
            ('LEAD_TIME_ASSUMED', planned.assumed > 0, planned.assumed, planned.series, null, null),
            (
                'LEAD_TIME_SPREAD_UNKNOWN', planned.without_spread > 0,
                planned.without_spread, planned.series, null, null
            ),
            (
                'NO_SUPPLIER',
                planned.without_supplier > 0,
                planned.without_supplier,
                planned.series,
                null,
                null
            ),
            ('NO_COST', planned.without_cost > 0, planned.without_cost, planned.series, null, null),
            ('NO_PRICE', planned.without_price > 0, planned.without_price, planned.series, null, null),
            ('NO_PRODUCTS', items.undescribed > 0, items.undescribed, items.items, null, null),
            ('NO_LOCATIONS', places.undescribed > 0, places.undescribed, places.places, null, null),
            (
                'NO_PROMOTIONS',
                known.n_sold > 0
                and coalesce(delivered.promotion_files, 0) = 0
                and promoted.client_id is null,
                null, null, null, null
            ),
            (
                'NO_HOLIDAYS',
                known.n_sold > 0 and clients.country is null and coalesce(places.with_holidays, 0) = 0,
                null, null, null, null
            )
        ) as gap (code, is_there, affected, total, day, detail)
    where gap.is_there

)

select
    found.client_id,
    meanings.place,
    found.code as gap,
    meanings.severity,
    meanings.concerns,
    found.affected,
    found.total,
    found.day,
{% for column in ("sentence", "costs", "remedy", "command") -%}
    {{ filled("meanings." ~ column) }} as {{ column }}{{ "," if not loop.last }}
{% endfor -%}
from found
inner join {{ source('analytics', 'gap_meanings') }} as meanings on found.code = meanings.gap
order by found.client_id, meanings.place
