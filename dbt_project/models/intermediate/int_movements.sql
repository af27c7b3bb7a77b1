-- from the lines themselves: to know the days of a series is not worth adding up each of them
select
    item_id,
    location_id,
    date,
    sold_qty <> 0 or (returned_qty <> 0 and returns_policy = 'net') as has_moved
from {{ ref('int_order_lines') }}

union all

select
    item_id,
    location_id,
    date,
    unmatched_qty <> 0 as has_moved
from {{ ref('int_netted_back') }}
