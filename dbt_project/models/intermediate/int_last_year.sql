with beginning as (

    select {{ year_before("last_demand_date", "grain") }} as day_before
    from {{ ref('int_client') }}

)

{{ last_year(
    months="(select * from " ~ ref("demand_by_month") ~ " where " ~ is_client() ~ ")",
    demand=ref("int_demand"),
    after="(select beginning.day_before from beginning)",
) }}
