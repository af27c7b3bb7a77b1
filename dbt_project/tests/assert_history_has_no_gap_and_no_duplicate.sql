-- one row per day from a series' first day to its last
select
    item_id,
    location_id,
    count(*) as row_count,
    max(date) - min(date) + 1 as day_count
from {{ ref('ts_demand_daily') }}
where {{ is_client() }}
group by item_id, location_id
having count(*) <> max(date) - min(date) + 1
