{#-
    Every formula of accuracy, once: what is counted and added up over rows of forecast and actual, how these
    sums add up over lag buckets and over series, and each metric over them. Definitions: docs/data-model.md.

    Plain Jinja without anything of dbt: the quality stage renders orchestration/stages/scoring.sql with it.
-#}

{#- The column of a quantile: q05 for 5 %. -#}
{% macro quantile_column(percent) -%}
    q{{ "%02d" | format(percent) }}
{%- endmacro %}

{#- The bounds of the central interval of so many percent. -#}
{% macro lower_bound(percent) -%}
    {{ quantile_column((100 - percent) // 2) }}
{%- endmacro %}

{% macro upper_bound(percent) -%}
    {{ quantile_column((100 + percent) // 2) }}
{%- endmacro %}

{#- Whether a column lies inside the central interval of so many percent, its bounds included. -#}
{% macro is_inside(actual, percent) -%}
    {{ actual }} between {{ lower_bound(percent) }} and {{ upper_bound(percent) }}
{%- endmacro %}

{#- Whether a column lies exactly on a bound of the central interval. -#}
{% macro is_on_bound(actual, percent) -%}
    {{ actual }} in ({{ lower_bound(percent) }}, {{ upper_bound(percent) }})
{%- endmacro %}

{#-
    Twice the quantile loss of one row, added up over 0.1 ... 0.9: at level t that is |d| + (2t - 1) d with
    d = actual - quantile. The order of the terms decides the last bit.
-#}
{% macro decile_losses(actual) -%}
    {%- for percent in range(10, 100, 10) -%}
        {%- set quantile = quantile_column(percent) -%}
        {{ " + " if not loop.first }}abs({{ actual }} - {{ quantile }})
        {%- if percent < 50 %} - {{ (100 - 2 * percent) / 100 }} * ({{ actual }} - {{ quantile }}){% endif -%}
        {%- if percent > 50 %} + {{ (2 * percent - 100) / 100 }} * ({{ actual }} - {{ quantile }}){% endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- The central intervals whose actuals are counted, in percent. -#}
{% macro intervals() -%}
    50,80,90,98
{%- endmacro %}

{#- What is counted of rows, in the order of the columns, as text between commas. -#}
{% macro counts() -%}
    n_rows,n_masked,n_positive
    {%- for percent in intervals().split(",") -%},n_inside_{{ percent }}{%- endfor -%}
    ,n_on_bound_90
{%- endmacro %}

{#- What is added up over rows, and the same way over lag buckets and over series. -#}
{% macro sums() -%}
    sum_actual_qty,sum_forecast_qty,sum_abs_error_qty,sum_squared_error,sum_abs_pct_error
{%- endmacro %}

{#- All that analytics.score_sums stores of a series in a lag bucket. -#}
{% macro sums_of_a_series() -%}
    {{ counts() }},{{ sums() }},sum_decile_losses_qty
{%- endmacro %}

{#- What is made of each series by itself before it is added up over series. -#}
{% macro totals_by_series() -%}
    n_series,n_undefined,sum_pinball_qty,sum_mase,n_mase,sum_rmsse,n_rmsse
{%- endmacro %}

{#- All that analytics.score_totals stores. -#}
{% macro totals() -%}
    {{ counts() }},{{ sums() }},{{ totals_by_series() }}
{%- endmacro %}

{#- Each of these columns added up under its own name; names are text between commas. -#}
{% macro added_up(names) -%}
    {%- for name in names.split(",") -%}
        sum({{ name }}){{ "::int" if name.startswith("n_") }} as {{ name }}{{ ", " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#-
    What one row of forecast and actual adds to the sums of its series; an unknown actual is NULL and adds to
    n_masked alone. Numbers are rounded to numeric: a sum of float8 depends on the order of its rows, and the same
    run would score differently to the last bit from one plan to the next.
-#}
{% macro addends(actual) -%}
    ({{ actual }} is not null)::int as n_rows,
    ({{ actual }} is null)::int as n_masked,
    coalesce({{ actual }} > 0, false)::int as n_positive,
    {%- for percent in intervals().split(",") %}
        coalesce({{ is_inside(actual, percent | int) }}, false)::int as n_inside_{{ percent }},
    {%- endfor %}
    coalesce({{ is_on_bound(actual, 90) }}, false)::int as n_on_bound_90,
    coalesce({{ actual }}::numeric, 0) as sum_actual_qty,
    case when {{ actual }} is null then 0 else mean_qty::numeric end as sum_forecast_qty,
    coalesce(abs(point_qty - {{ actual }})::numeric, 0) as sum_abs_error_qty,
    coalesce(((mean_qty - {{ actual }}) ^ 2)::numeric, 0) as sum_squared_error,
    coalesce((abs(point_qty - {{ actual }}) / nullif({{ actual }}, 0))::numeric, 0) as sum_abs_pct_error,
    coalesce(({{ decile_losses(actual) }})::numeric, 0) as sum_decile_losses_qty
{%- endmacro %}

{#- A series' mean decile loss and its two scaled errors; NULL without a row or a scale above zero. -#}
{% macro scaled_errors() -%}
    case when n_rows > 0 then sum_decile_losses_qty / 9 end as sum_pinball_qty,
    sum_abs_error_qty / nullif(n_rows, 0) / nullif(mase_scale, 0) as mase,
    sqrt(sum_squared_error / nullif(n_rows, 0)) / nullif(rmsse_scale, 0) as rmsse
{%- endmacro %}

{#- The columns of totals_by_series(), over series that have scaled_errors(). -#}
{% macro added_by_series() -%}
    (count(*) filter (where n_rows > 0))::int as n_series,
    (count(*) filter (where n_rows > 0 and (mase is null or rmsse is null)))::int as n_undefined,
    coalesce(sum(sum_pinball_qty), 0) as sum_pinball_qty,
    coalesce(sum(mase::numeric), 0) as sum_mase,
    count(mase)::int as n_mase,
    coalesce(sum(rmsse::numeric), 0) as sum_rmsse,
    count(rmsse)::int as n_rmsse
{%- endmacro %}

{#- The metrics that the views for people show, in the order of their columns, as text between commas. -#}
{% macro shown_metrics() -%}
    wape,mape,mae_qty,rmse_qty,bias,mase,rmsse,wql
{%- endmacro %}

{#- The metrics of each score: those shown, and what is asked of single series. -#}
{% macro metrics_of_scores() -%}
    {{ shown_metrics() }},mape_row_share,bias_qty
{%- endmacro %}

{#- One metric; NULL where its denominator is zero. -#}
{% macro metric_formula(name) -%}
    {%- set formulas = {
        "mape": "sum_abs_pct_error / nullif(n_positive, 0)",
        "mape_row_share": "n_positive::float8 / nullif(n_rows, 0)",
        "wape": "sum_abs_error_qty / nullif(sum_actual_qty, 0)",
        "mae_qty": "sum_abs_error_qty / nullif(n_rows, 0)",
        "rmse_qty": "sqrt(sum_squared_error / nullif(n_rows, 0))",
        "bias": "(sum_forecast_qty - sum_actual_qty) / nullif(sum_actual_qty, 0)",
        "bias_qty": "(sum_forecast_qty - sum_actual_qty) / nullif(n_rows, 0)",
        "mase": "sum_mase / nullif(n_mase, 0)",
        "rmsse": "sum_rmsse / nullif(n_rmsse, 0)",
        "wql": "sum_pinball_qty / nullif(sum_actual_qty, 0)",
        "within_90": "(n_inside_90 - coalesce(n_on_bound_90, 0))::float8 / nullif(n_rows, 0)",
    } -%}
    {{ formulas[name] }}
{%- endmacro %}

{#- One metric under its name. -#}
{% macro accuracy_metric(name) -%}
    {{ metric_formula(name) }} as {{ name }}
{%- endmacro %}

{#- Share of the actuals inside the central interval of so many percent; NULL without any. -#}
{% macro coverage(percent) -%}
    n_inside_{{ percent }}::float8 / nullif(n_rows, 0) as coverage_{{ percent }}
{%- endmacro %}
