{#-
    Whether a decision may concern a line of a plan: most of what was ever decided does not. `run` is the alias
    of the plan's row of current_inventory_runs, `decision` that of a row of plan_decisions.
-#}
{% macro may_concern(run, decision) -%}
    (
        {{ decision }}.run_id = {{ run }}.run_id
        or {{ decision }}.decided_at > {{ run }}.decisions_read_at - interval '1 minute'
        or {{ decision }}.until > {{ run }}.as_of_date
        or {{ decision }}.receipt_date > {{ run }}.as_of_date
        or {{ decision }}.po_ref is not null
    )
{%- endmacro %}
