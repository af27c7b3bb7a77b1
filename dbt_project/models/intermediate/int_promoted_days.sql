with promotions as (

    select * from {{ ref('stg_promotions') }}

),

series as (

    select
        series.*,
        -- an ended item has no days ahead
        case
            when series.last_date = client.last_demand_date then series.last_date + client.horizon_days
            else series.last_date
        end as horizon_date
    from {{ ref('int_series') }} as series
    cross join {{ ref('int_client') }} as client

),

targeted as (

    select
        target_id as item_id,
        location_id,
        start_date,
        end_date,
        discount_rate,
        known_date
    from promotions
    where target_type = 'item'

    union all

    select
        products.item_id,
        location_id,
        start_date,
        promotions.end_date,
        discount_rate,
        known_date
    from promotions
    inner join {{ ref('stg_products') }} as products on promotions.target_id = products.category
    where target_type = 'category'

),

promoted as (

    select
        series.series_no,
        targeted.discount_rate,
        targeted.known_date,
        greatest(
            targeted.start_date,
            series.first_date
            {%- if is_increment() %}, {{ standing_until() }} + 1{% endif %}
        ) as first_day,
        least(targeted.end_date, series.horizon_date) as last_day
    from targeted
    inner join series
        on targeted.item_id = series.item_id and targeted.location_id in ('', series.location_id)

)

select
    series_no,
    first_day + day_no as date,
    known_date,
    max(discount_rate) as discount_rate
from promoted
cross join lateral generate_series(0, last_day - first_day) as day_no
group by series_no, first_day + day_no, known_date
