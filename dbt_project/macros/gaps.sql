{#- A text of gap_meanings with its numbers; the detail last, since it may hold anything. -#}
{% macro filled(text) -%}
    {%- set places = [
        ("affected", "to_char(found.affected, 'FM999,999,999,999')"),
        ("total", "to_char(found.total, 'FM999,999,999,999')"),
        ("day", "found.day::text"),
        ("client", "found.client_id"),
        ("detail", "found.detail"),
    ] -%}
    {{ "replace(" * (places | length) }}{{ text }}
    {%- for name, value in places -%}
        , '{{ "{" ~ name ~ "}" }}', coalesce({{ value }}, ''))
    {%- endfor -%}
{%- endmacro %}
