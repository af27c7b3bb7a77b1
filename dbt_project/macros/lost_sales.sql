{#-
    What customers wanted on the days on which a shelf was or became empty, beyond what they got, as CTEs behind
    "masked", the last of them "lost_sales": series_no, date, lost_sales_qty. The formula and its reasons are in
    docs/methods.md.

    Looks back eight weeks and never ahead, so that a day's estimate follows from the days that stand. All sums
    are of numeric, which is exact: float8 adds up to something else in another order of rows.

    A promotion without a named discount counts as one of a quarter.
-#}
{% macro depth_of_promotion() -%}
    case when is_promotion then coalesce(nullif(discount_rate, 0), 0.25) else 0 end
{%- endmacro %}

{#- A day that sold some and ended without any; NULL where the stock is not known. -#}
{% macro ran_out() -%}
    (demand_qty > 0 and on_hand_qty = 0)
{%- endmacro %}

{% macro lost_sales() -%}
    {%- set days_back = 56 -%}
    {%- set recent_days = 28 -%}
    {#- days of the level beside the recent ones in their mean -#}
    {%- set recent_prior = 7 -%}
    {#- days of the level beside those of a weekday in its mean -#}
    {%- set weekday_prior = 1 -%}
    {#- five days of a promotion of a quarter at the common lift, beside a series' own -#}
    {%- set lift_prior = 1.25 -%}
-- Days that ended with an empty shelf. One that sold and ended below zero sold what it did not have.
emptied as (

    select
        series_no,
        date,
        demand_qty,
        is_stocked_out,
        extract(isodow from date) as weekday,
        {{ depth_of_promotion() }} as depth
    from masked
    where not is_closed and (is_stocked_out or {{ ran_out() }})

),

emptied_series as (

    select distinct series_no from emptied

),

counting as (

    select
        masked.series_no,
        masked.date,
        masked.demand_qty,
        {{ ran_out() }} as is_short,
        {{ depth_of_promotion() }} as depth
    from masked
    inner join emptied_series on masked.series_no = emptied_series.series_no
    where not masked.is_masked
    {%- if is_increment() %}

        union all

        select
            series.series_no,
            before.date,
            before.demand_qty,
            {{ ran_out() }} as is_short,
            {{ depth_of_promotion() }} as depth
        from emptied_series
        inner join series on emptied_series.series_no = series.series_no
        -- the offset has the rows found by their key, series by series
        cross join
            lateral (
                select
                    demand.date,
                    demand.demand_qty,
                    demand.on_hand_qty,
                    demand.is_promotion,
                    demand.discount_rate
                from {{ this }} as demand
                where {{ is_client("demand.client_id") }}
                    and demand.item_id = series.item_id
                    and demand.location_id = series.location_id
                    and demand.date between {{ standing_until() }} - {{ days_back - 1 }} and {{ standing_until() }}
                    and not demand.is_masked
                order by demand.date
                offset 0
            ) as before
    {%- endif %}

),

-- by equality of days: a range would be looked for in all days of a series
neighbours as (

    select
        emptied.series_no,
        emptied.date,
        extract(isodow from counting.date) as weekday,
        back <= {{ recent_days }} as is_recent,
        counting.demand_qty,
        coalesce(counting.is_short, false) as is_short,
        counting.depth
    from emptied
    cross join generate_series(1, {{ days_back }}) as back
    inner join counting
        on emptied.series_no = counting.series_no and emptied.date - back = counting.date

),

summed as (

    select
        series_no,
        date,
        weekday,
        count(*) filter (where depth = 0) as plain_days,
        coalesce(sum(demand_qty) filter (where depth = 0), 0) as plain_qty,
        count(*) filter (where depth = 0 and is_recent) as recent_days,
        coalesce(sum(demand_qty) filter (where depth = 0 and is_recent), 0) as recent_qty,
        count(*) filter (where depth > 0) as promoted_days,
        coalesce(sum(demand_qty) filter (where depth > 0), 0) as promoted_qty,
        sum(depth) as depth
    from neighbours
    group by series_no, date, weekday

),

-- of a series that was promoted throughout, the level is that of its promotions
levels as (

    select
        *,
        plain_days > 0 as is_plain,
        case
            when plain_days > 0 then plain_qty / plain_days else promoted_qty / promoted_days
        end as level_qty
    from (
        select
            series_no,
            date,
            sum(plain_days) as plain_days,
            sum(plain_qty) as plain_qty,
            sum(recent_days) as recent_days,
            sum(recent_qty) as recent_qty,
            sum(promoted_days) as promoted_days,
            sum(promoted_qty) as promoted_qty,
            sum(depth) as depth
        from summed
        group by series_no, date
    ) as whole

),

usual as (

    select
        levels.series_no,
        levels.date,
        weekdays.weekday,
        (
            case
                when levels.is_plain then coalesce(summed.plain_qty, 0) else coalesce(summed.promoted_qty, 0)
            end + {{ weekday_prior }} * levels.level_qty
        ) / (
            case
                when levels.is_plain then coalesce(summed.plain_days, 0) else coalesce(summed.promoted_days, 0)
            end + {{ weekday_prior }}
        ) as usual_qty
    from levels
    cross join generate_series(1, 7) as weekdays (weekday)
    left join summed
        on levels.series_no = summed.series_no
        and levels.date = summed.date
        and weekdays.weekday = summed.weekday

),

lifts as (

    select
        series_no,
        date,
        promoted_qty - promoted_days * level_qty as lifted_qty,
        depth * level_qty as promised_qty,
        {{ lift_prior }} * level_qty as prior_qty
    from levels
    where is_plain and level_qty > 0

),

common_lifts as (

    select
        date,
        sum(lifted_qty) / nullif(sum(promised_qty), 0) as lift
    from lifts
    group by date

),

expected as (

    select
        emptied.series_no,
        emptied.date,
        emptied.demand_qty,
        emptied.is_stocked_out,
        levels.is_plain,
        usual.usual_qty
        * case
            when levels.is_plain and levels.level_qty > 0
                then
                    (levels.recent_qty + {{ recent_prior }} * levels.level_qty)
                    / ((levels.recent_days + {{ recent_prior }}) * levels.level_qty)
            else 1
        end
        * case
            when lifts.prior_qty > 0
                then
                    1 + emptied.depth * greatest(
                        (lifts.lifted_qty + lifts.prior_qty * coalesce(common_lifts.lift, 0))
                        / (lifts.promised_qty + lifts.prior_qty),
                        0
                    )
            else 1
        end as expected_qty
    from emptied
    inner join levels on emptied.series_no = levels.series_no and emptied.date = levels.date
    inner join usual
        on emptied.series_no = usual.series_no and emptied.date = usual.date and emptied.weekday = usual.weekday
    left join lifts on emptied.series_no = lifts.series_no and emptied.date = lifts.date
    left join common_lifts on emptied.date = common_lifts.date

),

-- of a day that sold some: each neighbour in multiples of what is usual on its weekday
relative as (

    select
        expected.series_no,
        expected.date,
        expected.demand_qty as sold_qty,
        expected.expected_qty,
        neighbours.is_short,
        neighbours.demand_qty / usual.usual_qty as multiple
    from expected
    inner join neighbours on expected.series_no = neighbours.series_no and expected.date = neighbours.date
    inner join usual
        on neighbours.series_no = usual.series_no
        and neighbours.date = usual.date
        and neighbours.weekday = usual.weekday
    where not expected.is_stocked_out and usual.usual_qty > 0 and (neighbours.depth = 0) = expected.is_plain

),

exceeded as (

    select
        series_no,
        date,
        -- what a day that ran out wanted is not known, only that it was no less
        count(*) filter (where not is_short and multiple * expected_qty >= sold_qty) as exceeding_days,
        coalesce(sum(multiple * expected_qty - sold_qty) filter (where multiple * expected_qty >= sold_qty), 0)
            as exceeding_qty,
        sum(multiple * multiple) / count(*) - (sum(multiple) / count(*)) * (sum(multiple) / count(*)) as variance
    from relative
    group by series_no, date

),

lost_sales as (

    select
        expected.series_no,
        expected.date,
        case
            when expected.is_stocked_out then expected.expected_qty
            when exceeded.series_no is null then 0
            else
                (exceeded.exceeding_qty + greatest(exceeded.variance, 0) * expected.expected_qty)
                / (exceeded.exceeding_days + 1)
        end::float8 as lost_sales_qty
    from expected
    left join exceeded on expected.series_no = exceeded.series_no and expected.date = exceeded.date

)
{%- endmacro %}
