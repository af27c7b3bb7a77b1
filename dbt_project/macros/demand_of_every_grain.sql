{#-
    Days, weeks and months of demand in one, each with its first and its last day.

    columns: of both tables, behind client, grain, series and dates.
    condition: on the rows of either.
-#}
{% macro demand_of_every_grain(columns, condition=none) -%}
    {%- set tables = [
        (ref("ts_demand_daily"), "'day' as grain", "date as last_date"),
        (ref("ts_demand_periods"), "grain", "last_date"),
    ] -%}
    {%- for table, grain, last_date in tables -%}
        select
            client_id,
            {{ grain }},
            item_id,
            location_id,
            date,
            {{ last_date }},
            {{ columns | join(", ") }}
        from {{ table }}
        {%- if condition %}
        where {{ condition }}
        {%- endif %}
        {%- if not loop.last %}

        union all

        {% endif %}
    {%- endfor -%}
{%- endmacro %}
