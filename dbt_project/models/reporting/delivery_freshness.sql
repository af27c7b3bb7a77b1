-- a feed's own rhythm counts where it is slower than the days that any client has
with clients as (

    select
        client_id,
        (now() at time zone timezone)::date as today,
        -- sales of a period come after its end
        case grain when 'week' then 17 when 'month' then 47 else 7 end as grace_days
    from {{ source('analytics', 'dim_client') }}

),

sales as (

    select
        client_id,
        max(last_date) as last_date,
        max(usual_step_days) as usual_step_days,
        max(last_loaded_at) as last_loaded_at
    from {{ source('analytics', 'feeds') }}
    where kind in ('sales', 'm5_sales')
    group by client_id

),

demand as (

    select
        client_id,
        max(first_sale_date + history_days - 1) as last_date
    from {{ ref('dim_series') }}
    group by client_id

),

known as (

    select
        clients.client_id,
        coalesce(demand.last_date, sales.last_date) as last_date,
        sales.usual_step_days,
        sales.last_loaded_at,
        clients.today - coalesce(demand.last_date, sales.last_date) as age_days,
        greatest(clients.grace_days, 2 * coalesce(sales.usual_step_days, 0)) as allowed_days
    from clients
    left join sales using (client_id)
    left join demand using (client_id)

)

select
    client_id,
    last_date,
    last_loaded_at,
    usual_step_days,
    age_days,
    allowed_days,
    coalesce(age_days > allowed_days, false) as is_late
from known
