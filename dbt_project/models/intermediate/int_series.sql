select
    client_id,
    (row_number() over (order by location_id, item_id))::int as series_no,
    item_id,
    location_id,
    list_price,
    first_date,
    last_date
from {{ ref('series') }}
where {{ is_client() }} and first_date is not null
