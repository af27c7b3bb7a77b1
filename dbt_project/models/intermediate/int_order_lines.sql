with lines as (

    select
        sales.*,
        client.returns_policy,
        lower(sales.reason) = any(client.write_off_reasons) as is_write_off
    from {{ ref('stg_sales') }} as sales
    inner join {{ ref('int_client') }} as client on sales.date <= client.last_demand_date
    where {{ is_to_be_built("sales.date") }}

)

select
    client_id,
    item_id,
    location_id,
    date,
    order_id,
    reason,
    returns_policy,
    unit_price,
    is_promotion,
    on_hand_qty,
    case when is_write_off then 0 else greatest(moved_qty, 0) end as sold_qty,
    case when is_write_off then 0 else greatest(-moved_qty, 0) end as returned_qty,
    case when is_write_off then -moved_qty else 0 end as written_off_qty
from lines
