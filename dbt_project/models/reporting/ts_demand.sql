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
        "on_hand_qty",
        "lost_sales_qty",
    ]
) }}
