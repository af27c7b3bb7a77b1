{{ config(noted_by="changes_of_calendar") }}

select
    client.client_id,
    days.location_id,
    days.date,
    days.holiday_name is not null as is_holiday,
    days.holiday_name,
    days.is_snap,
    days.is_closed
from {{ ref('int_location_days') }} as days
cross join {{ ref('int_client') }} as client
