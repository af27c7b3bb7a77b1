select
    clients.client_id,
    clients.country,
    clients.returns_policy,
    clients.write_off_reasons,
    clients.horizon_days,
    deliveries.last_delivered_date - clients.is_intraday_feed::int as last_demand_date
from {{ ref('stg_clients') }} as clients
cross join {{ ref('stg_deliveries') }} as deliveries
