{{ demand_of_every_grain(
    [
        "demand_qty",
        "net_sold_qty",
        "clipped_qty",
        "sold_qty",
        "returned_qty",
        "netted_qty",
        "written_off_qty",
        "unit_price",
        "is_promotion",
        "is_closed",
        "is_stocked_out",
        "is_masked",
        "lost_sales_qty",
    ],
    condition=is_client()
) }}
