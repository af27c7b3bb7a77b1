-- whether a day may have several lines
with feed as (

    select exists(
        select from {{ ref('int_order_lines') }}
        where order_id <> '' or reason <> '' or returns_policy = 'net_back'
    ) as is_itemized

),

-- a total of the day is its only line and need not be added up
totals as (

    select
        item_id,
        location_id,
        date,
        sold_qty,
        returned_qty,
        written_off_qty,
        unit_price::numeric(18, 4) as unit_price,
        coalesce(is_promotion, false) as is_promotion,
        on_hand_qty,
        case returns_policy when 'net' then returned_qty else 0 end as netted_qty
    from {{ ref('int_order_lines') }}
    where not (select feed.is_itemized from feed)

),

summed as (

    select
        item_id,
        location_id,
        date,
        returns_policy,
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
    where (select feed.is_itemized from feed)
    group by item_id, location_id, date, returns_policy

),

netted as (

    select
        summed.item_id,
        summed.location_id,
        summed.date,
        summed.sold_qty,
        summed.returned_qty,
        summed.written_off_qty,
        summed.unit_price,
        summed.is_promotion,
        summed.on_hand_qty,
        case summed.returns_policy
            when 'net' then summed.returned_qty
            when 'net_back'
                then summed.sold_qty - coalesce(back.kept_qty, 0) + coalesce(back.unmatched_qty, 0)
            else 0
        end as netted_qty
    from summed
    left join {{ ref('int_netted_back') }} as back
        on summed.item_id = back.item_id and summed.location_id = back.location_id and summed.date = back.date

),

daily as (

    select * from totals
    union all
    select * from netted

)

select
    daily.*,
    sold_qty - netted_qty as net_sold_qty
from daily
