{#-
    Which observed periods are masked and what an item cost, as the CTEs "judged" and "masked" behind "observed".

    price: column of observed with the period's own price, NULL where it has none.
-#}
{% macro judged_demand(price) -%}
judged as (

    select
        observed.*,
        greatest(net_sold_qty, 0) as demand_qty,
        net_sold_qty <= 0 and coalesce(on_hand_qty <= 0, false) as is_stocked_out,
        -- constant from one period with a price to the next: nulls are not counted
        count({{ price }}) over (partition by series_no order by date) as price_no
    from observed

),

masked as (

    select
        judged.*,
        is_closed or is_stocked_out as is_masked,
        max({{ price }}) over (partition by series_no, price_no) as known_price
    from judged

)
{%- endmacro %}
