-- depends_on: {{ ref('ts_demand_daily') }}
-- one row per period from a series' first to its last
with numbered as (

    select
        demand.*,
        case grain
            when 'day' then date - date '2000-01-03'
            when 'week' then (date - date '2000-01-03') / 7
            else 12 * extract(year from date) + extract(month from date)
        end as period_no
    from {{ ref('int_demand') }} as demand
    -- and the day before, to which they join
    where {{ is_to_be_tested("(date + 1)") }}

)

select
    item_id,
    location_id,
    count(*) as row_count,
    max(period_no) - min(period_no) + 1 as period_count
from numbered
group by item_id, location_id
having count(*) <> max(period_no) - min(period_no) + 1 or min(grain) <> max(grain)
