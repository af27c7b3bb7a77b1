{{ config(by_day=true) }}

select
    client_id,
    location_id,
    date,
    sum(sold_qty) as sold_qty
from {{ ref('int_order_lines') }}
group by client_id, location_id, date
