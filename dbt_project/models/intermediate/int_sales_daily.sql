with sales as (

    select
        sales.item_id,
        sales.location_id,
        sales.date,
        sales.sold_qty,
        sales.unit_price,
        sales.is_promotion,
        sales.on_hand_qty,
        sales.sold_qty > 0 as is_sale,
        client.returns_policy = 'net' or sales.sold_qty >= 0 as is_counted
    from {{ ref('stg_sales') }} as sales
    cross join {{ ref('int_client') }} as client
    where sales.date <= client.last_demand_date

)

select
    item_id,
    location_id,
    date,
    coalesce(sum(sold_qty) filter (where is_counted), 0) as net_sold_qty,
    coalesce(
        sum(sold_qty * unit_price) filter (where is_sale)
        / sum(sold_qty) filter (where is_sale and unit_price is not null),
        max(unit_price)
    )::numeric(18, 4) as unit_price,
    coalesce(bool_or(is_promotion), false) as is_promotion,
    min(on_hand_qty) as on_hand_qty
from sales
group by item_id, location_id, date
