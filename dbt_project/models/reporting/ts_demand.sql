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
    is_promotion,
    is_closed,
    is_stocked_out,
    is_masked,
    on_hand_qty,
    lost_sales_qty
from {{ ref('ts_demand_daily') }}

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
    is_promotion,
    is_closed,
    is_stocked_out,
    is_masked,
    on_hand_qty,
    lost_sales_qty
from {{ ref('ts_demand_periods') }}
