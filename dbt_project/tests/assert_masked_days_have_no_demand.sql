-- a mask hides a zero that is not demand, never a sale
select *
from {{ ref('ts_demand_daily') }}
where {{ is_client() }} and is_masked and demand_qty > 0
