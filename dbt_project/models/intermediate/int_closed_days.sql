with client as (

    select * from {{ ref('int_client') }}

),

sold as (

    select * from {{ ref('location_sales') }}
    where {{ is_client() }}

),

spans as (

    select
        location_id,
        min(date) as first_date,
        min(date) filter (where sold_qty > 0) as opening_date
    from sold
    group by location_id

),

days as (

    select
        spans.location_id,
        spans.first_date + day_no as date,
        spans.opening_date
    from spans
    cross join client
    cross join lateral generate_series(0, client.last_demand_date - spans.first_date) as day_no

),

observed as (

    select
        days.location_id,
        days.date,
        extract(isodow from days.date) as weekday,
        coalesce(sold.sold_qty > 0, false) as is_selling,
        coalesce(sold.sold_qty >= 5, false) as is_busy,
        coalesce(days.date < days.opening_date, true) as is_before_opening,
        told.is_open
    from days
    left join sold on days.location_id = sold.location_id and days.date = sold.date
    left join {{ ref('stg_opening_days') }} as told
        on days.location_id = told.location_id and days.date = told.date

),

-- what has to be judged: the days since the opening of which no calendar says that the door was shut
unexplained as (

    select
        observed.*,
        not is_selling and is_open is null as is_silent,
        sum((is_selling or is_open is not null)::int) over (
            partition by location_id, weekday order by date
        ) as weekday_run_no,
        count(*) filter (where is_selling) over same_weekday > 0 as is_weekday_in_use
    from observed
    where not is_before_opening and is_open is distinct from false
    window same_weekday as (
        partition by location_id, weekday order by date rows between 13 preceding and 13 following
    )

),

by_weekday as (

    select
        unexplained.*,
        count(*) filter (where is_silent) over (
            partition by location_id, weekday, weekday_run_no
        ) as weekday_run_days,
        count(*) filter (where is_weekday_in_use) over quarter
        - count(*) filter (where is_weekday_in_use) over same_weekday as other_days,
        count(*) filter (where is_weekday_in_use and not is_selling) over quarter
        - count(*) filter (where is_weekday_in_use and not is_selling) over same_weekday as other_silent_days
    from unexplained
    window
        quarter as (partition by location_id order by date rows between 91 preceding and 91 following),
        same_weekday as (
            partition by location_id, weekday order by date rows between 13 preceding and 13 following
        )

),

weekdays_judged as (

    select
        by_weekday.*,
        is_silent and {{ is_unlikely("other_silent_days", "other_days", "weekday_run_days") }}
            as is_weekday_closed
    from by_weekday

),

in_runs as (

    select
        weekdays_judged.*,
        sum((not is_silent)::int) over (partition by location_id order by date) as run_no
    from weekdays_judged
    where not is_weekday_closed

),

in_order as (

    select
        in_runs.*,
        count(*) filter (where is_silent) over (partition by location_id, run_no) as run_days,
        count(*) filter (where is_silent) over (partition by location_id, run_no order by date) as day_of_run
    from in_runs

),

around as (

    select
        in_order.*,
        -- the days of the run itself that the 91 before and after hold
        least(day_of_run - 1, 91) + 1 + least(run_days - day_of_run, 91) as own_days,
        count(*) over quarter as all_days,
        count(*) filter (where not is_selling) over quarter as silent_days
    from in_order
    window quarter as (partition by location_id order by date rows between 91 preceding and 91 following)

),

runs_judged as (

    select
        around.*,
        is_silent and {{ is_unlikely("(silent_days - own_days)", "(all_days - own_days)", "run_days") }}
            as is_run_closed
    from around

),

-- closures that are known by now say nothing of how rare a day without a sale is
left_open as (

    select
        location_id,
        date,
        is_silent,
        own_days,
        count(*) over quarter as all_days,
        count(*) filter (where not is_selling) over quarter as silent_days,
        count(*) filter (where is_selling) over quarter as selling_days,
        count(*) filter (where is_busy) over quarter as busy_days
    from runs_judged
    where not is_run_closed
    window quarter as (partition by location_id order by date rows between 91 preceding and 91 following)

),

exceptions_judged as (

    select
        location_id,
        date,
        is_silent
        and selling_days >= 6
        and silent_days - own_days <= 0.05 * (all_days - own_days)
        and busy_days >= 0.9 * selling_days as is_closed
    from left_open

)

select
    observed.location_id,
    observed.date,
    -- what sold was open, whatever a calendar says; what was closed before that is not judged as an exception
    not observed.is_selling
    and coalesce(not observed.is_open, observed.is_before_opening or coalesce(judged.is_closed, true))
        as is_closed
from observed
left join exceptions_judged as judged
    on observed.location_id = judged.location_id and observed.date = judged.date
