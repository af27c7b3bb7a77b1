with client as (

    select * from {{ ref('int_client') }}

),

closed_days as (

    select * from {{ ref('int_closed_days') }}

),

locations as (

    select
        location_id,
        min(date) as first_date
    from closed_days
    group by location_id

),

described as (

    select
        locations.*,
        client.last_demand_date,
        client.horizon_days,
        coalesce(described.holiday_calendar, described.country, client.country) as holiday_calendar,
        -- M5's store ids start with their state
        upper(coalesce(described.region, split_part(locations.location_id, '_', 1))) as state
    from locations
    cross join client
    left join {{ ref('stg_locations') }} as described on locations.location_id = described.location_id
    where client.grain = 'day'

),

days as (

    select
        described.*,
        first_date + day_no as date
    from described
    cross join lateral generate_series(0, last_demand_date + horizon_days - first_date) as day_no

)

select
    days.location_id,
    days.date,
    coalesce(closed_days.is_closed, not told.is_open) as is_closed,
    coalesce(calendar.event_name, holidays.name) as holiday_name,
    case days.state
        when 'CA' then calendar.is_snap_ca
        when 'TX' then calendar.is_snap_tx
        when 'WI' then calendar.is_snap_wi
    end as is_snap
from days
left join closed_days on days.location_id = closed_days.location_id and days.date = closed_days.date
left join {{ ref('stg_opening_days') }} as told
    on days.location_id = told.location_id and days.date = told.date
left join {{ ref('stg_calendar') }} as calendar on days.date = calendar.date
left join {{ ref('stg_holidays') }} as holidays
    on days.holiday_calendar = holidays.holiday_calendar and days.date = holidays.date
