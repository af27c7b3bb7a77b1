with last_days as (

    select
        client_id,
        grain,
        max(first_sale_date + history_days - 1) as last_demand_date
    from {{ ref('dim_series') }}
    group by client_id, grain

),

recent as (

    select
        demand.*,
        demand.last_date - demand.date + 1 as n_days,
        last_days.grain <> 'month' and demand.date > last_days.last_demand_date - 28 as is_last_28d
    from last_days
    inner join {{ ref('ts_demand') }} as demand using (client_id)
    where demand.date > {{ year_before("last_days.last_demand_date", "last_days.grain") }}

),

-- in the order of days: a sum of float8 depends on the order its rows come in
summed as (

    select
        client_id,
        item_id,
        location_id,
        coalesce(sum(demand_qty) filter (where is_last_28d), 0) as demand_28d_qty,
        sum(demand_qty) as demand_365d_qty,
        sum(sold_qty) as sold_365d_qty,
        sum(returned_qty) as returned_365d_qty,
        sum(netted_qty) as netted_365d_qty,
        sum(clipped_qty) as clipped_365d_qty,
        sum(written_off_qty) as written_off_365d_qty,
        sum(demand_qty * unit_price) filter (where is_last_28d) as revenue_28d_value,
        sum(demand_qty * unit_price) as revenue_365d_value,
        coalesce(sum(n_days) filter (where is_masked and is_last_28d), 0) as masked_days_28d,
        coalesce(sum(n_days) filter (where is_masked), 0) as masked_days_365d,
        sum(lost_sales_qty order by date) filter (where is_last_28d) as lost_sales_28d_qty,
        sum(lost_sales_qty order by date) as lost_sales_365d_qty
    from recent
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
    -- months are not cut into days
    case when series.grain <> 'month' then coalesce(summed.demand_28d_qty, 0) end as demand_28d_qty,
    coalesce(summed.demand_365d_qty, 0) as demand_365d_qty,
    case when summed.item_id is null then 0 else summed.sold_365d_qty end as sold_365d_qty,
    case when summed.item_id is null then 0 else summed.returned_365d_qty end as returned_365d_qty,
    case when summed.item_id is null then 0 else summed.netted_365d_qty end as netted_365d_qty,
    case when summed.item_id is null then 0 else summed.clipped_365d_qty end as clipped_365d_qty,
    case when summed.item_id is null then 0 else summed.written_off_365d_qty end as written_off_365d_qty,
    summed.revenue_28d_value,
    summed.revenue_365d_value,
    case when series.grain <> 'month' then coalesce(summed.masked_days_28d, 0) end as masked_days_28d,
    coalesce(summed.masked_days_365d, 0) as masked_days_365d,
    summed.lost_sales_28d_qty,
    summed.lost_sales_365d_qty
from {{ ref('dim_series') }} as series
left join summed using (client_id, item_id, location_id)
left join {{ ref('dim_item') }} as items using (client_id, item_id)
left join {{ ref('dim_location') }} as locations using (client_id, location_id)
where series.first_sale_date is not null
