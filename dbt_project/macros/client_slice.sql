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
    {{ lock_client("demand") }}
{%- endmacro %}

{#-
    Hold one of the client's locks (orchestration/warehouse/locks.py) until the transaction ends, or say that
    another does. A client without the lock is not registered, or no longer.
-#}
{% macro lock_client(purpose) -%}
    {%- set row = "ops.locks where purpose = '" ~ purpose ~ "' and subject = '" ~ var("client_id") ~ "'" %}
    do $$
    declare
        started timestamptz := clock_timestamp();
    begin
        loop
            perform 1 from {{ row }} for update skip locked;
            exit when found;
            perform 1 from {{ row }};
            if not found then
                raise exception 'There is no client {{ var("client_id") }}, or it was removed a moment ago.';
            end if;
            if clock_timestamp() > started + interval '15 minutes' then
                raise exception 'The lock {{ purpose }} of {{ var("client_id") }} is held by another program. '
                    'It was waited for 15 minutes; try again when that has ended, or end it.';
            end if;
            perform pg_sleep(0.1);
        end loop;
    end $$
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
