{#- The columns of the quantile grid between two levels in percent: 1, every fifth, 99. -#}
{% macro quantile_columns(table, lowest=1, highest=99) -%}
    {%- for percent in [1] + range(5, 100, 5) | list + [99] if lowest <= percent <= highest -%}
        {{ table }}.{{ quantile_column(percent) }}{{ ",\n    " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
