{#-
    Every formula of accuracy, once: what is counted and added up over rows of forecast and actual, and each
    metric over the sums that analytics.forecast_quality stores. Definitions: docs/data-model.md.

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

{#- The metrics that the views for people show, in the order of their columns, as text between commas. -#}
{% macro shown_metrics() -%}
    wape,mape,mae_qty,rmse_qty,bias,mase,rmsse,wql
{%- endmacro %}

{#- The metrics that are stored with each score: those shown, and what is asked of single series. -#}
{% macro stored_metrics() -%}
    {{ shown_metrics() }},mape_row_share,bias_qty
{%- endmacro %}

{#- One metric under its name; NULL where its denominator is zero. -#}
{% macro accuracy_metric(name) -%}
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
    {{ formulas[name] }} as {{ name }}
{%- endmacro %}

{#- Share of the actuals inside the central interval of so many percent; NULL without any. -#}
{% macro coverage(percent) -%}
    n_inside_{{ percent }}::float8 / nullif(n_rows, 0) as coverage_{{ percent }}
{%- endmacro %}
