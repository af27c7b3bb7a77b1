{{ config(by_day=true) }}

with series as (

    select * from {{ ref('int_series') }}

),

planned as (

    select
        series_no,
        date,
        known_date,
        discount_rate
    from {{ ref('int_promoted_days') }}

),

-- the sale itself says so: known on that day
sold as (

    select distinct
        series.series_no,
        lines.date,
        lines.date as known_date,
        null::numeric as discount_rate
    from {{ ref('int_order_lines') }} as lines
    inner join series
        on lines.item_id = series.item_id
        and lines.location_id = series.location_id
        and lines.date between series.first_date and series.last_date
    where lines.is_promotion

),

promoted as (

    select * from planned
    union all
    select * from sold

)

select
    series.client_id,
    series.item_id,
    series.location_id,
    promoted.date,
    promoted.known_date,
    max(promoted.discount_rate) as discount_rate
from promoted
inner join series on promoted.series_no = series.series_no
group by series.client_id, series.item_id, series.location_id, promoted.date, promoted.known_date
