{#- A delivered file of the line's client as a document, by its number; NULL where there is none. -#}
{% macro delivered_file(file_id) -%}
    (
        select
            jsonb_build_object(
                'file_id', file.file_id,
                'path', file.path,
                'sha256', file.sha256,
                'kind', file.kind,
                'status', file.status,
                'first_date', file.first_date,
                'last_date', file.last_date,
                'loaded_at', file.loaded_at
            )
        from {{ source('analytics', 'delivered_files') }} as file
        where file.client_id = plan.client_id and file.file_id = {{ file_id }}
    )
{%- endmacro %}
