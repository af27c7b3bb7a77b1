{#- The one client a build concerns, as a condition on a column. -#}
{% macro is_client(column="client_id") -%}
    {{ column }} = '{{ var("client_id") }}'
{%- endmacro %}
