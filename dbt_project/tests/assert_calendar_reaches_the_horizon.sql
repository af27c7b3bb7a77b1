-- a model that is told of holidays ahead is told of every day it forecasts
select
    calendar.location_id,
    max(calendar.date) as last_date
from {{ ref('location_calendar') }} as calendar
where {{ is_client("calendar.client_id") }}
group by calendar.location_id
having max(calendar.date) <> (select last_demand_date + horizon_days from {{ ref('int_client') }})
