-- depends_on: {{ ref('ts_demand_daily') }}
-- a mask hides a zero that is not demand, never a sale
select *
from {{ ref('int_demand') }}
where is_masked and demand_qty > 0 and {{ is_to_be_tested() }}
