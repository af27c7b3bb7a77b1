-- a run is in use until one of the same or a later as-of date is published; one of an earlier date never is
select
    runs.client_id,
    runs.run_id,
    runs.model,
    runs.as_of_date,
    runs.grain,
    runs.horizon_days,
    runs.published_at as known_from,
    (
        select min(later.published_at)
        from {{ source('analytics', 'forecast_runs') }} as later
        where later.client_id = runs.client_id
            and later.is_champion
            and later.as_of_date >= runs.as_of_date
            and later.published_at > runs.published_at
    ) as known_until,
    runs.thinned_at
from {{ source('analytics', 'forecast_runs') }} as runs
where runs.is_champion
    and not exists (
        select from {{ source('analytics', 'forecast_runs') }} as earlier
        where earlier.client_id = runs.client_id
            and earlier.is_champion
            and earlier.as_of_date > runs.as_of_date
            and earlier.published_at <= runs.published_at
    )
