{#-
    What the last year of demand is made of: its whole calendar months, and the days, weeks or months before the
    first of these. Nothing else of a long history is read.

    months: relation of months' sums.
    demand: relation of demand of every grain.
    after: the day after which the last year begins, as an expression.
    join: to what the expression needs, of either relation.
-#}
{% macro last_year(months, demand, after, join="") -%}
    {%- set sums = [
        "demand_qty",
        "sold_qty",
        "returned_qty",
        "netted_qty",
        "clipped_qty",
        "written_off_qty",
        "lost_sales_qty",
    ] -%}
    select
        client_id,
        item_id,
        location_id,
        month as date,
        {{ sums | join(", ") }},
        revenue_value,
        masked_days
    from {{ months }} as months
    {{ join }}
    where month > {{ after }}

    union all

    select
        client_id,
        item_id,
        location_id,
        date,
        {{ sums | join(", ") }},
        demand_qty * unit_price as revenue_value,
        case when is_masked then last_date - date + 1 else 0 end as masked_days
    from {{ demand }} as demand
    {{ join }}
    where date > {{ after }} and date < ({{ month_of(after) }} + interval '1 month')::date
{%- endmacro %}
