select
    client_id,
    grain,
    item_id,
    location_id,
    date,
    last_date,
    case when is_stocked_out then 'empty' else 'ran_out' end as shelf,
    demand_qty as sold_qty,
    lost_sales_qty,
    lost_sales_qty * unit_price::float8 as lost_sales_value
from {{ ref('ts_demand') }}
where not is_closed and (is_stocked_out or (grain = 'day' and demand_qty > 0 and on_hand_qty = 0))
