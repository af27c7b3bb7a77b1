{#-
    Days and the periods that hold them. The grain is day, week or month, given in SQL; weeks begin on Monday.

    forecasting_lib/grain.py says the same of Python's dates.
-#}

{#- First day of the period that holds a day. -#}
{% macro period_start(date, grain) -%}
    date_trunc({{ grain }}, {{ date }}::timestamp)::date
{%- endmacro %}

{#- The length of a period. -#}
{% macro one_period(grain) -%}
    ('1 ' || {{ grain }})::interval
{%- endmacro %}

{#- Last day of the period that begins with a day. -#}
{% macro period_end(first_date, grain) -%}
    ({{ first_date }}::timestamp + {{ one_period(grain) }})::date - 1
{%- endmacro %}

{#- First day of the calendar month that holds a day. -#}
{% macro month_of(date) -%}
    {{ period_start(date, "'month'") }}
{%- endmacro %}

{#- The day after which the periods of the last year begin: 365 days, 52 weeks or 12 months of them. -#}
{% macro year_before(last_date, grain) -%}
    case when {{ grain }} = 'month' then ({{ last_date }} - interval '1 year')::date else {{ last_date }} - 365 end
{%- endmacro %}
