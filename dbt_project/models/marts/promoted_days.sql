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

    select
        series.series_no,
        sales.date,
        sales.date as known_date,
        null::numeric as discount_rate
    from {{ ref('int_sales_daily') }} as sales
    inner join series
        on sales.item_id = series.item_id
        and sales.location_id = series.location_id
        and sales.date between series.first_date and series.last_date
    where sales.is_promotion

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
