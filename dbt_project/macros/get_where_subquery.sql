{#-
    What a data test of a column looks at: the client's rows.

    dbt's own macro of this name takes the condition from the test's `where`, which is rendered when the project is
    parsed; no client is named then.
-#}
{% macro get_where_subquery(relation) -%}
    (select * from {{ relation }} where {{ is_client() }}) as client_rows
{%- endmacro %}
