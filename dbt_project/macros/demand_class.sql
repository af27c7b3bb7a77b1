{#-
    The demand pattern of a series and the two statistics it rests on (Syntetos, Boylan and Croston 2005).

    forecasting_lib/inventory/classification.py says the same of a panel, at any past day; SQL cannot call it,
    so tests/dbt_project/test_demand_class.py holds the two together, the cuts to the last bit.

    Plain Jinja without anything of dbt. The statistics are aggregates over a series' months, which hold the sums of
    its rows with demand_qty and is_masked. The sums are exact, so it is the same how they are cut.
-#}

{#- What both statistics are made of. -#}
{% macro sums_of_demand() -%}
    count(*) filter (where not is_masked) as known_periods,
    count(*) filter (where demand_qty > 0) as demand_periods,
    sum(demand_qty) as demand_qty,
    sum(demand_qty * demand_qty) as squared_demand_qty
{%- endmacro %}

{#- ADI: unmasked days per day with demand; NULL without demand. -#}
{% macro average_demand_interval() -%}
    sum(known_periods)::float8 / nullif(sum(demand_periods), 0)::float8
{%- endmacro %}

{#- CV2: population variance of the days with demand over their squared mean; NULL without demand. -#}
{% macro squared_variation() -%}
    (
        (sum(demand_periods) * sum(squared_demand_qty) - sum(demand_qty) * sum(demand_qty))
        / nullif(sum(demand_periods) * sum(demand_periods), 0)
        / nullif(sum(demand_qty) / nullif(sum(demand_periods), 0), 0) ^ 2
    )::float8
{%- endmacro %}

{#- The class of a series; none without demand. -#}
{% macro demand_class(adi, cv2) -%}
    case
        when {{ adi }} < 1.32 and {{ cv2 }} < 0.49 then 'smooth'
        when {{ adi }} < 1.32 then 'erratic'
        when {{ cv2 }} < 0.49 then 'intermittent'
        when {{ adi }} is not null then 'lumpy'
        else 'none'
    end
{%- endmacro %}
