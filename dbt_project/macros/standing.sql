{#-
    What of a client's demand stands, and what follows from the changes since then.

    A build is told until which day demand stands (var standing_until). Changes that have been noted in
    ops.demand_changes since, or are found on the way, move that day back for all tables that follow.
-#}

{#- Whether days stand; where none do, a build is whole. -#}
{% macro is_increment() -%}
    {{ return(var("standing_until") is not none) }}
{%- endmacro %}

{#- The last day that stands, as a query. -#}
{% macro least_standing() -%}
    select least(
        '{{ var("standing_until") }}'::date,
        min(coalesce(first_date, '-infinity')) - 1
    )
    from ops.demand_changes
    where {{ is_client() }}
{%- endmacro %}

{#- The last day that stands in the transaction of a model. -#}
{% macro standing_until() -%}
    current_setting('forecaster.standing_until')::date
{%- endmacro %}

{#- Whether a model builds a day. -#}
{% macro is_to_be_built(date="date") -%}
    {% if is_increment() %}{{ date }} > {{ standing_until() }}{% else %}true{% endif %}
{%- endmacro %}

{#- Whether a day is in a month with days that a model builds. -#}
{% macro is_month_to_be_built(date) -%}
    {% if is_increment() %}{{ date }} >= {{ month_of("(" ~ standing_until() ~ " + 1)") }}{% else %}true{% endif %}
{%- endmacro %}

{#- Whether a date is one of the days that stand; in increments only. -#}
{% macro is_standing(date) -%}
    {{ date }} <= {{ standing_until() }}
{%- endmacro %}

{#- Whether a test looks at a day. -#}
{% macro is_to_be_tested(date="date") -%}
    {% if is_increment() %}{{ date }} > ({{ least_standing() }}){% else %}true{% endif %}
{%- endmacro %}

{#-
    Note from which day on demand has to follow; a whole build that does not come to its end has the next one
    be whole, too.

    changes: query with first_date.
-#}
{% macro note_changes(relation, changes) -%}
    insert into ops.demand_changes (client_id, table_name, first_date, build_id)
    select
        '{{ var("client_id") }}',
        '{{ relation.identifier }}',
        {% if is_increment() %}min(changed.first_date){% else %}null{% endif %},
        '{{ var("build_id") }}'
    {%- if is_increment() %}
    from ({{ changes }}) as changed
    having min(changed.first_date) <= {{ standing_until() }}
    {%- endif %}
{%- endmacro %}

{#- First days of histories that begin, end, are priced or are promoted otherwise than before. -#}
{% macro changes_of_series(fresh, standing) -%}
    select least(before.first_date, after.first_date) as first_date
    from {{ fresh }} as after
    full outer join (select * from {{ standing }} where {{ is_client() }}) as before
        using (item_id, location_id)
    where
        (before.first_date, before.list_price, before.category)
        is distinct from (after.first_date, after.list_price, after.category)

    union all

    select least(before.last_date, after.last_date) + 1 as first_date
    from {{ fresh }} as after
    inner join {{ standing }} as before using (client_id, item_id, location_id)
    where before.last_date <> after.last_date
{%- endmacro %}

{#- Days of locations on which they are closed, or have a holiday, otherwise than before. -#}
{% macro changes_of_calendar(fresh, standing) -%}
    select date as first_date
    from {{ fresh }} as after
    full outer join (select * from {{ standing }} where {{ is_client() }}) as before
        using (location_id, date)
    where
        (before.client_id, before.is_closed, before.holiday_name, before.is_snap)
        is distinct from (after.client_id, after.is_closed, after.holiday_name, after.is_snap)
{%- endmacro %}
