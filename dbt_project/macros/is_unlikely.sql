{#-
    Whether a location that opened would sell nothing on so many days at most once in a thousand times.

    A day without a sale has the probability (silent + 1) / (days + 2), Laplace's, of other days of the location;
    so few days to judge by call little unlikely.

    silent, days: other days, and those of them without a sale.
    run: days in a row without a sale.
-#}
{% macro is_unlikely(silent, days, run) -%}
    {{ run }} * ln(({{ silent }} + 1)::float8 / ({{ days }} + 2)) <= ln(0.001)
{%- endmacro %}
