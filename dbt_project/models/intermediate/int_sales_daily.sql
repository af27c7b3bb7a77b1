with daily as (

    select
        item_id,
        location_id,
        date,
        sum(sold_qty) as sold_qty,
        sum(returned_qty) as returned_qty,
        sum(written_off_qty) as written_off_qty,
        coalesce(
            sum(sold_qty * unit_price)
            / nullif(sum(sold_qty) filter (where unit_price is not null), 0),
            max(unit_price)
        )::numeric(18, 4) as unit_price,
        coalesce(bool_or(is_promotion), false) as is_promotion,
        min(on_hand_qty) as on_hand_qty
    from {{ ref('int_order_lines') }}
    group by item_id, location_id, date

),

netted as (

    select
        daily.*,
        case client.returns_policy
            when 'net' then daily.returned_qty
            when 'net_back' then daily.sold_qty - coalesce(back.kept_qty, 0) + coalesce(back.unmatched_qty, 0)
            else 0
        end as netted_qty
    from daily
    cross join {{ ref('int_client') }} as client
    left join {{ ref('int_netted_back') }} as back
        on daily.item_id = back.item_id and daily.location_id = back.location_id and daily.date = back.date

)

select
    netted.*,
    sold_qty - netted_qty as net_sold_qty
from netted
