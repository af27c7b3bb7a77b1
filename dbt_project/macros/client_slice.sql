{#-
    One client's rows of a shared table, replaced in one transaction: all of them, or those after the days that
    stand.

    The tables are made by the migrations (keys, partitions, row-level security); dbt only fills them.

    The old rows are deleted, not truncated, nor is a new partition put in the place of the old one: both ask
    for a lock that waits for every reader of the table, of whichever client, and has all later ones wait.

    by_day: the rows of days that stand stay as they are.
    by_month: the rows of months all of whose days stand stay as they are.
    noted_by: macro (fresh, standing) whose query gives the first days whose demand follows from what differs.
-#}

{%- materialization client_slice, adapter="postgres" -%}
    {%- set columns = get_quoted_csv(adapter.get_columns_in_relation(this) | map(attribute="name")) -%}
    {%- set noted_by = config.get("noted_by") -%}
    {%- set fresh = "fresh_" ~ this.identifier -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if noted_by %}
        {% call statement() -%}
            create temporary table {{ fresh }} on commit drop as
            {{ sql }}
        {%- endcall %}
        {% call statement() -%}
            {{ note_changes(this, context[noted_by](fresh, this)) }}
        {%- endcall %}
    {% endif %}
    {% call statement() -%}
        delete from {{ this }}
        where {{ is_client() }}
        {%- if config.get("by_day") %} and {{ is_to_be_built() }}{% endif %}
        {%- if config.get("by_month") %} and {{ is_month_to_be_built("month") }}{% endif %}
    {%- endcall %}
    {% call statement("main") -%}
        insert into {{ this }} ({{ columns }})
        select {{ columns }}
        {%- if noted_by %}
        from {{ fresh }}
        {%- else %}
        from (
            {{ sql }}
        ) as slice
        {%- endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {%- do return({"relations": [this]}) -%}
{%- endmaterialization -%}

{#-
    Pre-hook: refuse to run without a client or a table, plan for many rows, and let two runs of one client
    wait for each other. What stands is decided once for the transaction: landing may note a change meanwhile.
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
    {{ lock_client("demand") }};
    {%- if is_increment() %}
    select set_config('forecaster.standing_until', ({{ least_standing() }})::text, true)
    {%- endif %}
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
