with demand as (

    select
        client_id,
        max(first_sale_date + history_days - 1) as last_demand_date
    from {{ ref('dim_series') }}
    group by client_id

),

forecasts as (

    select
        client_id,
        max(as_of_date) as last_forecast_as_of_date,
        max(published_at) as last_forecast_published_at
    from {{ source('analytics', 'forecast_runs') }}
    where status = 'published' and is_current
    group by client_id

),

inventory as (

    select
        client_id,
        max(as_of_date) as last_inventory_as_of_date
    from {{ source('analytics', 'inventory_runs') }}
    where is_current
    group by client_id

),

scores as (

    select
        client_id,
        max(scored_at) as last_scored_at,
        max(actuals_through) as last_actuals_through
    from {{ ref('forecast_quality') }}
    where is_current and grain = 'client' and lag_bucket = 'all'
    group by client_id

)

select
    client_id,
    demand.last_demand_date,
    forecasts.last_forecast_as_of_date,
    forecasts.last_forecast_published_at,
    inventory.last_inventory_as_of_date,
    scores.last_scored_at,
    scores.last_actuals_through
from demand
left join forecasts using (client_id)
left join inventory using (client_id)
left join scores using (client_id)
