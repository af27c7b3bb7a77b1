with clients as materialized (

    select
        clients.*,
        deliveries.last_delivered_date,
        deliveries.last_delivered_date - clients.is_intraday_feed::int as last_complete_date,
        -- a total of each period, whatever day dates it: asked of the last year, and not of daily clients
        clients.grain <> 'day' and (
            select
                count(distinct days.date)
                <= 1.1 * count(distinct {{ period_start("days.date", "clients.grain") }})
            from {{ ref('stg_delivered_days') }} as days
            where days.date > deliveries.last_delivered_date - 400
        ) as has_period_totals
    from {{ ref('stg_clients') }} as clients
    cross join {{ ref('stg_deliveries') }} as deliveries

)

select
    client_id,
    country,
    grain,
    returns_policy,
    write_off_reasons,
    horizon_days,
    case
        when grain = 'day' then last_complete_date
        when has_period_totals then {{ period_end(period_start("last_delivered_date", "grain"), "grain") }}
        else {{ period_start("(last_complete_date + 1)", "grain") }} - 1
    end as last_demand_date
from clients
