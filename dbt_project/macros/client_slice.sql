{#-
    One client's rows of a shared table, replaced inside the transaction that dbt opens for the model.

    The tables are made by the migrations (keys, partitions, row-level security); dbt only fills them.
-#}

{#-
    Pre-hook: refuse to run without a client or a table, plan for many rows, and let two runs of one client
    wait for each other.
-#}
{% macro claim_client_slice(relation) -%}
    {%- if execute -%}
        {%- if not var("client_id") -%}
            {%- do exceptions.raise_compiler_error("Name the client: --vars '{client_id: <slug>}'.") -%}
        {%- endif -%}
        {%- if not load_relation(relation) -%}
            {%- do exceptions.raise_compiler_error(
                "The table " ~ relation ~ " is missing; run 'forecaster migrate' first."
            ) -%}
        {%- endif -%}
    {%- endif -%}
    -- fresh staging rows have no statistics yet: a nested loop chosen for one row meets a million
    set local enable_nestloop = off;
    set local enable_mergejoin = off;
    set local jit = off;
    set local work_mem = '256MB';
    -- the spelling of orchestration/warehouse/locks.py
    select pg_advisory_xact_lock(hashtextextended('demand:{{ var("client_id") }}', 0))
{%- endmacro %}

{#-
    Incremental strategy: the client's old rows go even where no new ones come, other clients' stay.

    The stock strategy delete+insert deletes only the keys it found in the new rows.
-#}
{% macro get_incremental_client_slice_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}

    delete from {{ arg_dict["target_relation"] }}
    where {{ is_client() }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict["temp_relation"] }}
{%- endmacro %}
