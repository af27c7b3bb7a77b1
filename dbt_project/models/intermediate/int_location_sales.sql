select
    location_id,
    date,
    sum(sold_qty) as sold_qty
from {{ ref('int_order_lines') }}
group by location_id, date
