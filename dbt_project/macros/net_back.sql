{#-
    Returns set against the latest sales before them, as the body of two CTEs.

    Sold units are put on a pile and returned ones are taken from its top; what does not find any is unmatched.
    A sale's units lie between the height before it and the height after it. Those that stay are below every
    height that the pile has from then on, so no sale is matched with a return row by row.
-#}

{#-
    The pile's height after each day, never below zero.

    relation: one row per key and day, with sold_qty and returned_qty.
-#}
{% macro pile_of_sales(relation, key) %}
    select
        balanced.*,
        balance - least(min(balance) over (partition by {{ key }} order by date), 0) as height
    from (
        select
            {{ relation }}.*,
            sum(sold_qty - returned_qty) over (partition by {{ key }} order by date) as balance
        from {{ relation }}
    ) as balanced
{% endmacro %}

{#- The pile with the height before each day and the lowest one from that day on. -#}
{% macro pile_from_then_on(pile, key) %}
    select
        {{ pile }}.*,
        coalesce(lag(height) over (partition by {{ key }} order by date), 0) as height_before,
        min(height) over (
            partition by {{ key }} order by date
            rows between current row and unbounded following
        ) as lowest_height
    from {{ pile }}
{% endmacro %}

{#- Of a day's sales, what did not come back. -#}
{% macro kept_qty() -%}
    greatest(least(height_before + sold_qty, lowest_height) - height_before, 0)
{%- endmacro %}

{#- Of a day's returns, what found no sale before it. -#}
{% macro unmatched_qty() -%}
    returned_qty - (height_before + sold_qty - height)
{%- endmacro %}
