with last_days as (

    select
        client_id,
        grain,
        last_demand_date,
        {{ year_before("last_demand_date", "grain") }} as year_before
    from (
        select
            client_id,
            grain,
            max(first_sale_date + history_days - 1) as last_demand_date
        from {{ ref('dim_series') }}
        group by client_id, grain
    ) as known

),

last_year as (

    {{ last_year(
        months=ref("demand_by_month"),
        demand=ref("ts_demand"),
        after="last_days.year_before",
        join="inner join last_days using (client_id)",
    ) }}

),

-- in the order of days: a sum of float8 depends on the order its rows come in
summed_year as (

    select
        client_id,
        item_id,
        location_id,
        sum(demand_qty) as demand_qty,
        sum(sold_qty) as sold_qty,
        sum(returned_qty) as returned_qty,
        sum(netted_qty) as netted_qty,
        sum(clipped_qty) as clipped_qty,
        sum(written_off_qty) as written_off_qty,
        sum(revenue_value) as revenue_value,
        sum(masked_days) as masked_days,
        sum(lost_sales_qty order by date) as lost_sales_qty
    from last_year
    group by client_id, item_id, location_id

),

summed_weeks as (

    select
        client_id,
        item_id,
        location_id,
        sum(demand_qty) as demand_qty,
        sum(demand_qty * unit_price) as revenue_value,
        sum(last_date - date + 1) filter (where is_masked) as masked_days,
        sum(lost_sales_qty order by date) as lost_sales_qty
    from last_days
    inner join {{ ref('ts_demand') }} as demand using (client_id)
    -- months are not cut into days
    where
        last_days.grain <> 'month'
        and demand.date > last_days.last_demand_date - 28
        and demand.date <= last_days.last_demand_date
    group by client_id, item_id, location_id

)

select
    series.client_id,
    series.item_id,
    items.name as item_name,
    series.location_id,
    locations.name as location_name,
    series.grain,
    series.demand_class,
    series.last_sale_date,
    case when series.grain <> 'month' then coalesce(weeks.demand_qty, 0) end as demand_28d_qty,
    coalesce(year.demand_qty, 0) as demand_365d_qty,
    case when year.item_id is null then 0 else year.sold_qty end as sold_365d_qty,
    case when year.item_id is null then 0 else year.returned_qty end as returned_365d_qty,
    case when year.item_id is null then 0 else year.netted_qty end as netted_365d_qty,
    case when year.item_id is null then 0 else year.clipped_qty end as clipped_365d_qty,
    case when year.item_id is null then 0 else year.written_off_qty end as written_off_365d_qty,
    weeks.revenue_value as revenue_28d_value,
    year.revenue_value as revenue_365d_value,
    case when series.grain <> 'month' then coalesce(weeks.masked_days, 0) end as masked_days_28d,
    coalesce(year.masked_days, 0) as masked_days_365d,
    weeks.lost_sales_qty as lost_sales_28d_qty,
    year.lost_sales_qty as lost_sales_365d_qty
from {{ ref('dim_series') }} as series
left join summed_year as year using (client_id, item_id, location_id)
left join summed_weeks as weeks using (client_id, item_id, location_id)
left join {{ ref('dim_item') }} as items using (client_id, item_id)
left join {{ ref('dim_location') }} as locations using (client_id, location_id)
where series.first_sale_date is not null
