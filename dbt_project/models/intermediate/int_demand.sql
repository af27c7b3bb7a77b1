select
    client_id,
    'day' as grain,
    item_id,
    location_id,
    date,
    date as last_date,
    demand_qty,
    net_sold_qty,
    clipped_qty,
    sold_qty,
    returned_qty,
    netted_qty,
    written_off_qty,
    unit_price,
    is_masked
from {{ ref('ts_demand_daily') }}
where {{ is_client() }}

union all

select
    client_id,
    grain,
    item_id,
    location_id,
    date,
    last_date,
    demand_qty,
    net_sold_qty,
    clipped_qty,
    sold_qty,
    returned_qty,
    netted_qty,
    written_off_qty,
    unit_price,
    is_masked
from {{ ref('ts_demand_periods') }}
where {{ is_client() }}
