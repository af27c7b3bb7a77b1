{{ config(by_month=true, post_hook="analyze analytics.demand_by_month") }}

with demand as (

    select
        *,
        {{ month_of("date") }} as month,
        last_date - date + 1 as n_days
    from {{ ref('int_demand') }}
    where {{ is_month_to_be_built("date") }}

),

summed as (

    select
        client_id,
        item_id,
        location_id,
        month,
        count(*) as n_periods,
        sum(n_days) as n_days,
        min(date) filter (where {{ has_moved() }}) as first_sale_date,
        max(date) filter (where demand_qty > 0) as last_sale_date,
        {{ sums_of_demand() }},
        coalesce(sum(demand_qty) filter (where not is_masked), 0) as known_qty,
        sum(sold_qty) as sold_qty,
        sum(returned_qty) as returned_qty,
        sum(netted_qty) as netted_qty,
        sum(clipped_qty) as clipped_qty,
        sum(written_off_qty) as written_off_qty,
        max(date) filter (where unit_price is not null) as last_priced_date,
        sum(demand_qty * unit_price) as revenue_value,
        coalesce(sum(n_days) filter (where is_masked), 0) as masked_days,
        coalesce(sum(n_days) filter (where is_closed), 0) as closed_days,
        coalesce(sum(n_days) filter (where is_stocked_out), 0) as stocked_out_days,
        count(*) filter (where is_promotion and not is_masked) as promoted_periods,
        coalesce(sum(demand_qty) filter (where is_promotion and not is_masked), 0) as promoted_qty
    from demand
    group by client_id, item_id, location_id, month

),

-- apart, in the order of days, for which all of them would be sorted: a sum of float8 depends on its order
lost as (

    select
        item_id,
        location_id,
        month,
        sum(lost_sales_qty order by date) as lost_sales_qty
    from demand
    where lost_sales_qty is not null
    group by item_id, location_id, month

)

select
    summed.*,
    lost.lost_sales_qty
from summed
left join lost using (item_id, location_id, month)
