{#- A day on which an item sold, or on which returned units are taken off its sales. -#}
{% macro has_moved() -%}
    sold_qty <> 0 or netted_qty <> 0
{%- endmacro %}
