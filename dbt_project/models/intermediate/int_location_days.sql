with client as (

    select * from {{ ref('int_client') }}

),

open_days as (

    select distinct
        location_id,
        date
    from {{ ref('int_sales_daily') }}

),

locations as (

    select
        location_id,
        min(date) as opening_date
    from open_days
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
        opening_date + day_no as date
    from described
    cross join lateral generate_series(0, last_demand_date + horizon_days - opening_date) as day_no

)

select
    days.location_id,
    days.date,
    case when days.date <= days.last_demand_date then open_days.date is null end as is_closed,
    coalesce(calendar.event_name, holidays.name) as holiday_name,
    case days.state
        when 'CA' then calendar.is_snap_ca
        when 'TX' then calendar.is_snap_tx
        when 'WI' then calendar.is_snap_wi
    end as is_snap,
    calendar.price_week
from days
left join open_days on days.location_id = open_days.location_id and days.date = open_days.date
left join {{ ref('stg_calendar') }} as calendar on days.date = calendar.date
left join {{ ref('stg_holidays') }} as holidays
    on days.holiday_calendar = holidays.holiday_calendar and days.date = holidays.date
