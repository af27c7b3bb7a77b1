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
        "is_masked",
    ],
    condition=is_client()
) }}
