with movements as (

    select
        lines.item_id,
        lines.location_id,
        lines.order_id,
        lines.date,
        sum(lines.sold_qty) as sold_qty,
        sum(lines.returned_qty) as returned_qty
    from {{ ref('int_order_lines') }} as lines
    where lines.returns_policy = 'net_back' and (lines.sold_qty > 0 or lines.returned_qty > 0)
    group by lines.item_id, lines.location_id, lines.order_id, lines.date

),

{% set order_key = "item_id, location_id, order_id" -%}
orders as (

    select * from movements
    where order_id <> ''

),

piled_orders as ({{ pile_of_sales("orders", order_key) }}),

watched_orders as ({{ pile_from_then_on("piled_orders", order_key) }}),

left_over as (

    select
        item_id,
        location_id,
        date,
        {{ kept_qty() }} as sold_qty,
        {{ unmatched_qty() }} as returned_qty
    from watched_orders

    union all

    select
        item_id,
        location_id,
        date,
        sold_qty,
        returned_qty
    from movements
    where order_id = ''

),

{% set series_key = "item_id, location_id" -%}
days as (

    select
        item_id,
        location_id,
        date,
        sum(sold_qty) as sold_qty,
        sum(returned_qty) as returned_qty
    from left_over
    group by item_id, location_id, date

),

piled_days as ({{ pile_of_sales("days", series_key) }}),

watched_days as ({{ pile_from_then_on("piled_days", series_key) }})

select
    item_id,
    location_id,
    date,
    {{ kept_qty() }} as kept_qty,
    {{ unmatched_qty() }} as unmatched_qty
from watched_days
