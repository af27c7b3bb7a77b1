{#-
    The sum of a double-precision column, the same to the last bit whatever order its rows come in: numbers
    are added up as numeric, which is exact.
-#}
{% macro exact_sum(column) -%}
    sum({{ column }}::numeric)
{%- endmacro %}
