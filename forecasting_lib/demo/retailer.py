"""The synthetic retailer: two years of a grocery and household chain, from master data to open orders.

Belongs here: how the parts (assortment, demand, promotions, replenishment) make up one delivery.
Does not belong here: files, clients, and what the pipeline derives from the delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import holidays
import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.demo.assortment import (
    CATALOGUE,
    CATEGORIES,
    COUNTRY,
    LATE_SUPPLIER_ID,
    STORES,
    SUPPLIERS,
    TIMEZONE,
    Category,
    DemandClass,
    Product,
    Store,
)
from forecasting_lib.demo.processes import (
    Days,
    FloatMatrix,
    IntMatrix,
    calendar_days,
    dates_at,
    mean_size,
    random_stream,
    sample_demand,
    weekdays,
    weekly_drift,
    yearly_wave,
)
from forecasting_lib.demo.promotions import (
    PLANNING_DAYS,
    Promotion,
    discount_by_day,
    plan_promotions,
    promotion_effect,
)
from forecasting_lib.demo.store_replenishment import ReplenishmentPolicy, StockPath, simulate_store

BoolMatrix = npt.NDArray[np.bool_]

_LAUNCH_DAYS_BEFORE_END = (75, 10, 200, 45, 120, 25)
_PACK_SIZES = np.array([1, 2, 4, 6, 8, 12, 24, 48])
_WEEK_PROFILE = np.array([0.92, 0.88, 0.92, 1.0, 1.15, 1.25, 0.88])
_OVERDUE_WINDOW_DAYS = 4
_LONGEST_DELAY_DAYS = 120


@dataclass(frozen=True)
class RetailerConfig:
    """Size and seed of the synthetic retailer.

    Attributes:
        end_date: the last day of the history.
        days: length of the history, at least 120.
        n_items: items of the catalogue, 1 to 120; fewer are spread over all categories.
        n_locations: stores, 1 to 3; from 2 on, one of them closes on Sundays and public holidays.
        seed: the same seed and size give the same frames, bit by bit.

    Raises:
        ValueError: a size is out of its range.
    """

    end_date: date
    days: int = 730
    n_items: int = 120
    n_locations: int = 3
    seed: int = 20
    """Chosen once; any seed gives a retailer of the same kind."""

    def __post_init__(self) -> None:
        if self.days < 120:
            raise ValueError(f"days is {self.days}; a history needs at least 120 days")
        if not 1 <= self.n_items <= len(CATALOGUE):
            raise ValueError(f"n_items is {self.n_items}; the catalogue has 1 to {len(CATALOGUE)} items")
        if not 1 <= self.n_locations <= len(STORES):
            raise ValueError(f"n_locations is {self.n_locations}; there are 1 to {len(STORES)} stores")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it cannot be negative")

    @property
    def start_date(self) -> date:
        """The first day of the history."""
        return self.end_date - timedelta(days=self.days - 1)


@dataclass(frozen=True)
class RetailerData:
    """One frame per kind of delivery, columns as in the data contract, and the truth behind them.

    Attributes:
        truth: one row per item and location, never delivered: ``item_id, location_id, demand_class``,
            ``base_daily_qty`` (expected units on an average open day at the start),
            ``promotion_uplift_factor`` (at a discount of 25 %, linear in the discount),
            ``price_elasticity`` (of the list price), ``lost_qty`` (demand that met an empty shelf).
        wanted: ``date, item_id, location_id, wanted_qty``, the demand of each day that had some, whether or
            not it was met; never delivered.
    """

    sales: pl.DataFrame
    products: pl.DataFrame
    locations: pl.DataFrame
    suppliers: pl.DataFrame
    stock_levels: pl.DataFrame
    purchase_orders: pl.DataFrame
    promotions: pl.DataFrame
    truth: pl.DataFrame
    wanted: pl.DataFrame

    def deliveries(self) -> dict[str, pl.DataFrame]:
        """The frames a client would deliver, by kind; ``truth`` and ``wanted`` are none of them."""
        return {
            "sales": self.sales,
            "products": self.products,
            "locations": self.locations,
            "suppliers": self.suppliers,
            "stock_levels": self.stock_levels,
            "purchase_orders": self.purchase_orders,
            "promotions": self.promotions,
        }


@dataclass(frozen=True)
class _Range:
    """What the retailer sells, one array element per item.

    ``first_day`` and ``last_day`` are positions in the history; an item that is not new starts at 0, one
    that has not ended lies past the planning calendar.
    """

    items: tuple[tuple[Category, Product, str], ...]
    category: IntMatrix
    supplier: IntMatrix
    first_day: IntMatrix
    last_day: IntMatrix
    elasticity: FloatMatrix
    uplift: FloatMatrix
    moq_qty: IntMatrix
    order_multiple_qty: IntMatrix
    list_price: FloatMatrix
    """(days, items) euros at the flagship store."""

    def per_item(self, attribute: str) -> FloatMatrix:
        """A number of the category, one element per item."""
        return np.array([getattr(category, attribute) for category, _, _ in self.items], dtype=np.float64)


def generate_retailer(config: RetailerConfig) -> RetailerData:
    """Generate the synthetic retailer; see ``docs/demo-data.md`` for what it contains.

    Stock is consistent with sales, returns and receipts on every day of every series:
    ``on_hand(t) = on_hand(t-1) + receipts(t) - units_sold(t)``, where a receipt is a purchase order line
    with that ``received_date``. A day without sales has no sales row; a closed location has none at all.
    """
    calendar = calendar_days(config.start_date, config.days)
    planning = calendar_days(config.start_date, config.days + PLANNING_DAYS)
    stores = STORES[: config.n_locations]
    assortment = _choose_range(config)
    public_holidays = _public_holidays(planning)
    open_by_store = _open_days(calendar, public_holidays, config.n_locations)

    promotions = plan_promotions(
        random_stream(config.seed, "promotions"),
        planning,
        item_category=assortment.category,
        locations=len(stores),
        first_day=assortment.first_day,
        last_day=assortment.last_day,
    )
    discount = discount_by_day(promotions, config.days, assortment.category, len(stores))

    item_of = np.repeat(np.arange(len(assortment.items)), len(stores))
    store_of = np.tile(np.arange(len(stores)), len(assortment.items))
    demand_class = [assortment.items[item][1].demand_class for item in item_of]
    base_rate = _base_rates(config, assortment, item_of, store_of)
    uplift = 1.0 + (assortment.uplift[item_of] - 1.0) * random_stream(config.seed, "uplift").uniform(
        0.85, 1.15, len(item_of)
    )
    rate = (
        base_rate
        * _calendar_effect(calendar, public_holidays, assortment, stores)[:, item_of, store_of]
        * (assortment.list_price / assortment.list_price[0])[:, item_of] ** assortment.elasticity[item_of]
        * promotion_effect(discount, uplift)
        * _local_shocks(config, len(item_of), store_of)
    )
    day = np.arange(config.days)[:, None]
    on_sale = (day >= assortment.first_day[item_of]) & (day <= assortment.last_day[item_of])
    demand = sample_demand(
        random_stream(config.seed, "demand"), rate * (on_sale & open_by_store[:, store_of]), demand_class
    )

    units_per_day = base_rate * np.array([mean_size(name) for name in demand_class])
    arrival = _arrival_days(config, open_by_store)
    supplier_of = assortment.supplier[item_of]
    arrival_day = arrival[:, supplier_of, store_of]
    returns = random_stream(config.seed, "returns").random(demand.shape) < (
        assortment.per_item("returns")[item_of] * on_sale
    )
    path = simulate_store(
        demand,
        returns,
        policy=_policy(config, assortment, item_of, units_per_day),
        may_order=_order_days(config, assortment)[:, item_of],
        arrival_day=arrival_day,
        first_day=assortment.first_day[item_of],
        open_days=open_by_store[:, store_of],
    )
    item_id = np.array([item_id for _, _, item_id in assortment.items])[item_of]
    location_id = np.array([store.location_id for store in stores])[store_of]
    shelf_price = _charm(
        assortment.list_price[:, item_of] * np.array([store.price_factor for store in stores])[store_of]
    )
    return RetailerData(
        sales=_sales_frame(
            calendar,
            item_id=item_id,
            location_id=location_id,
            path=path,
            shelf_price=shelf_price,
            discount=discount,
        ),
        products=_products_frame(calendar, assortment),
        locations=_locations_frame(config),
        suppliers=_suppliers_frame(assortment),
        stock_levels=_stock_frame(
            calendar,
            item_id=item_id,
            location_id=location_id,
            path=path,
            first_day=assortment.first_day[item_of],
        ),
        purchase_orders=_orders_frame(
            calendar,
            item_id=item_id,
            location_id=location_id,
            path=path,
            supplier_of=supplier_of,
            arrival_day=arrival_day,
        ),
        promotions=_promotions_frame(planning, config.days, promotions, assortment, stores),
        truth=pl.DataFrame(
            {
                "item_id": item_id,
                "location_id": location_id,
                "demand_class": demand_class,
                "base_daily_qty": units_per_day,
                "promotion_uplift_factor": uplift,
                "price_elasticity": assortment.elasticity[item_of],
                "lost_qty": (demand - path.sales).sum(axis=0),
            }
        ).sort("item_id", "location_id"),
        wanted=_wanted_frame(calendar, item_id=item_id, location_id=location_id, demand=demand),
    )


def _charm(price: FloatMatrix) -> FloatMatrix:
    """The shelf price that ends in 4 or 9 cents nearest to this price."""
    return np.maximum(np.round(np.round(price * 20) / 20 - 0.01, 2), 0.09)


def _choose_range(config: RetailerConfig) -> _Range:
    """Items spread evenly over the catalogue, with life cycles, prices and order terms."""
    rng = random_stream(config.seed, "range")
    chosen = np.linspace(0, len(CATALOGUE) - 1, config.n_items).round().astype(int)
    items = tuple(CATALOGUE[position] for position in chosen)
    count = len(items)
    supplier_ids = [supplier.supplier_id for supplier in SUPPLIERS]
    supplier = np.array([supplier_ids.index(category.supplier_id) for category, _, _ in items])

    first_day = np.zeros(count, dtype=np.int64)
    last_day = np.full(count, config.days + PLANNING_DAYS, dtype=np.int64)
    shuffled = rng.permutation(count)
    launches = [before for before in _LAUNCH_DAYS_BEFORE_END if before < config.days / 2]
    new = shuffled[: min(round(count * 0.05), len(launches))]
    first_day[new] = config.days - np.array(launches[: len(new)], dtype=np.int64)
    ended = shuffled[len(new) : len(new) + round(count * 0.04)]
    last_day[ended] = (rng.uniform(0.6, 0.9, len(ended)) * config.days).astype(np.int64)

    flagship_units = np.array([product.rate * mean_size(product.demand_class) for _, product, _ in items])
    daily_review = np.array([SUPPLIERS[position].review_days == 1 for position in supplier])
    pack_target = np.maximum(flagship_units * np.where(daily_review, 0.4, 1.2), 1.0)
    multiple = _PACK_SIZES[np.searchsorted(_PACK_SIZES, pack_target, side="right") - 1]
    packs = np.where(daily_review, 1, rng.integers(1, 4, count))

    category_elasticity = np.array([category.elasticity for category, _, _ in items])
    return _Range(
        items=items,
        category=np.array([CATEGORIES.index(category) for category, _, _ in items]),
        supplier=supplier,
        first_day=first_day,
        last_day=last_day,
        elasticity=category_elasticity * rng.uniform(0.7, 1.3, count),
        uplift=1.0 + np.exp(rng.normal(np.log(0.9), 0.45, count)) * (-category_elasticity / 1.6),
        moq_qty=multiple * packs,
        order_multiple_qty=multiple,
        list_price=_list_prices(config, items),
    )


def _list_prices(config: RetailerConfig, items: tuple[tuple[Category, Product, str], ...]) -> FloatMatrix:
    """(days, items): up to three steps of -5 to +10 percent each, none in the last sixty days."""
    rng = random_stream(config.seed, "prices")
    price = np.tile(np.array([product.unit_price for _, product, _ in items]), (config.days, 1))
    for item in range(len(items)):
        for _ in range(rng.integers(0, 4)):
            step_day = int(rng.integers(30, config.days - 60))
            price[step_day:, item] *= rng.uniform(0.95, 1.10)
    return _charm(price)


def _public_holidays(calendar: Days) -> BoolMatrix:
    years = range(int(str(calendar[0])[:4]), int(str(calendar[-1])[:4]) + 1)
    observed = np.array(sorted(holidays.country_holidays(COUNTRY, years=years)), dtype="datetime64[D]")
    return np.isin(calendar, observed)


def _christmas_day(calendar: Days) -> BoolMatrix:
    return np.array([str(day)[5:] == "12-25" for day in calendar])


def _open_days(calendar: Days, public_holidays: BoolMatrix, n_locations: int) -> BoolMatrix:
    """(days, stores): every store closes on Christmas Day, some on Sundays and public holidays too."""
    closed_by_some = (weekdays(calendar) == 6) | public_holidays[: len(calendar)]
    keeps_sundays = np.array([store.closes_sundays_and_holidays for store in STORES[:n_locations]])
    closed = _christmas_day(calendar)[:, None] | (closed_by_some[:, None] & keeps_sundays)
    return np.asarray(~closed)


def _base_rates(
    config: RetailerConfig, assortment: _Range, item_of: IntMatrix, store_of: IntMatrix
) -> FloatMatrix:
    """(series,): the catalogue's rate, scaled by the store and by its customers' taste."""
    rng = random_stream(config.seed, "levels")
    rate = np.array([product.rate for _, product, _ in assortment.items])[item_of]
    share = np.array([store.demand_share for store in STORES])[store_of]
    classes = np.array([product.demand_class for _, product, _ in assortment.items])[item_of]
    slow = np.isin(classes, ("intermittent", "lumpy"))
    return np.asarray(rate * np.where(slow, np.sqrt(share), share) * rng.uniform(0.85, 1.15, len(item_of)))


def _calendar_effect(
    calendar: Days, public_holidays: BoolMatrix, assortment: _Range, stores: tuple[Store, ...]
) -> FloatMatrix:
    """(days, items, stores): the factor of week, year, Christmas, pay-days and public holidays."""
    weekday = weekdays(calendar)
    emphasis = 0.5 + assortment.per_item("weekend")
    week = 1.0 + (_WEEK_PROFILE[weekday][:, None] - 1.0) * emphasis
    year = yearly_wave(calendar, assortment.per_item("peak_day"), assortment.per_item("amplitude"))

    december = calendar.astype("datetime64[Y]").astype("datetime64[M]") + 11
    to_christmas = ((december.astype("datetime64[D]") + 24) - calendar).astype(np.float64)
    build_up = np.where((to_christmas > 0) & (to_christmas <= 35), np.exp(-to_christmas / 12), 0.0)
    christmas = 1.0 + build_up[:, None] * (0.25 + assortment.per_item("christmas"))
    lull = np.where((to_christmas < 0) | (to_christmas > 352), 0.88, 1.0)

    pay = np.where(_pay_days(calendar), 1.12, 1.0)
    holiday = public_holidays[: len(calendar)]
    eve = public_holidays[1 : len(calendar) + 1] & ~holiday
    holiday_factor = np.where(holiday, 0.7, np.where(eve, 1.22, 1.0))
    common = week * year * christmas * (lull * pay * holiday_factor)[:, None]

    effect = np.repeat(common[:, :, None], len(stores), axis=2)
    for position, store in enumerate(stores):
        if store.closes_sundays_and_holidays:
            before_closing = np.isin(weekday, (0, 5))
            effect[before_closing, :, position] *= 1.12
    return effect


def _pay_days(calendar: Days) -> BoolMatrix:
    """The last working day of each month and the two days after it."""
    months = np.unique(calendar.astype("datetime64[M]"))
    months = np.concatenate([[months[0] - 1], months])
    last = np.busday_offset((months + 1).astype("datetime64[D]"), -1, roll="forward")
    return np.isin(calendar, np.concatenate([last, last + 1, last + 2]))


def _local_shocks(config: RetailerConfig, series: int, store_of: IntMatrix) -> FloatMatrix:
    """(days, series): a series' own drift and trend, and the days on which a whole store is busy or quiet."""
    rng = random_stream(config.seed, "shocks")
    drift = weekly_drift(rng, config.days, series, 0.10)
    trend = np.exp(rng.normal(0.02, 0.08, series) * (np.arange(config.days)[:, None] / 365.25))
    store_day = np.exp(rng.normal(0.0, 0.05, (config.days, int(store_of.max()) + 1)))
    return np.asarray(drift * trend * store_day[:, store_of])


def _arrival_days(config: RetailerConfig, open_by_store: BoolMatrix) -> IntMatrix:
    """(days, suppliers, stores): the position on which an order placed that morning is received.

    Ordinary lead times are gamma distributed with the supplier's mean and standard deviation; one delivery
    in twenty-five takes 30 to 100 % longer. Deliveries of one supplier to one store never overtake each
    other, and a store receives on open days only. What the late supplier should have delivered in the last
    days of the history is still under way at its end.
    """
    rng = random_stream(config.seed, "lead_times")
    shape = (config.days, len(SUPPLIERS), open_by_store.shape[1])
    mean = np.array([supplier.lead_time_days for supplier in SUPPLIERS], dtype=np.float64)[None, :, None]
    sd = np.array([supplier.lead_time_sd_days for supplier in SUPPLIERS])[None, :, None]
    ordinary = rng.gamma((mean / sd) ** 2, sd**2 / mean, shape)
    late = (rng.random(shape) < 0.04) * np.ceil(mean * rng.uniform(0.3, 1.0, shape))
    lead = np.maximum(np.rint(ordinary + late), 1).astype(np.int64)
    day = np.arange(config.days)
    arrival: IntMatrix = day[:, None, None] + lead

    overdue = [supplier.supplier_id for supplier in SUPPLIERS].index(LATE_SUPPLIER_ID)
    stuck = arrival[:, overdue] >= config.days - _OVERDUE_WINDOW_DAYS
    arrival[:, overdue] = np.where(
        stuck, np.maximum(arrival[:, overdue], config.days + 3), arrival[:, overdue]
    )
    ordering = _is_review_day(day, np.arange(len(SUPPLIERS)))[:, :, None]
    arrival = np.maximum(np.maximum.accumulate(np.where(ordering, arrival, 0), axis=0), arrival)

    for store in range(shape[2]):
        always_open_after = np.ones(_LONGEST_DELAY_DAYS, dtype=np.bool_)
        open_day = np.flatnonzero(np.concatenate([open_by_store[:, store], always_open_after]))
        arrival[:, :, store] = open_day[np.searchsorted(open_day, arrival[:, :, store])]
    return arrival


def _is_review_day(day: IntMatrix, supplier: IntMatrix) -> BoolMatrix:
    """(days, suppliers): every supplier is ordered from once in its review period, on a day of its own."""
    review = np.array([SUPPLIERS[position].review_days for position in supplier])
    return np.asarray(day[:, None] % review == supplier % review)


def _order_days(config: RetailerConfig, assortment: _Range) -> BoolMatrix:
    """(days, items): review days of the supplier, from launch until an order could not be sold any more."""
    day = np.arange(config.days)
    suppliers = [SUPPLIERS[position] for position in assortment.supplier]
    too_late = assortment.last_day - [s.lead_time_days + 2 * s.review_days for s in suppliers]
    worthwhile = (day[:, None] >= assortment.first_day) & (day[:, None] <= too_late)
    return np.asarray(_is_review_day(day, assortment.supplier) & worthwhile)


def _policy(
    config: RetailerConfig, assortment: _Range, item_of: IntMatrix, units_per_day: FloatMatrix
) -> ReplenishmentPolicy:
    rng = random_stream(config.seed, "policy")
    supplier = assortment.supplier[item_of]
    review = np.array([item.review_days for item in SUPPLIERS], dtype=np.float64)[supplier]
    dispersion: dict[DemandClass, float] = {"smooth": 2.5, "erratic": 9.0, "intermittent": 1.6, "lumpy": 20.0}
    classes = [assortment.items[item][1].demand_class for item in item_of]
    return ReplenishmentPolicy(
        lead_time_days=np.array([item.lead_time_days for item in SUPPLIERS], dtype=np.float64)[supplier],
        review_days=review,
        cycle_days=2 * review + 1,
        safety_factor=rng.choice((1.1, 1.7, 2.4), len(item_of)),
        dispersion=np.array([dispersion[name] for name in classes]),
        initial_rate=units_per_day,
        moq_qty=assortment.moq_qty[item_of],
        order_multiple_qty=assortment.order_multiple_qty[item_of],
    )


def _sales_frame(
    calendar: Days,
    *,
    item_id: npt.NDArray[np.str_],
    location_id: npt.NDArray[np.str_],
    path: StockPath,
    shelf_price: FloatMatrix,
    discount: FloatMatrix,
) -> pl.DataFrame:
    units = path.sales - path.returned
    day, series = np.nonzero(units)
    return pl.DataFrame(
        {
            "date": dates_at(calendar, day),
            "item_id": item_id[series],
            "location_id": location_id[series],
            "units_sold": units[day, series],
            "unit_price": np.round(shelf_price * (1.0 - discount), 2)[day, series],
            "on_promotion": (discount > 0)[day, series],
        }
    ).sort("date", "location_id", "item_id")


def _wanted_frame(
    calendar: Days, *, item_id: npt.NDArray[np.str_], location_id: npt.NDArray[np.str_], demand: IntMatrix
) -> pl.DataFrame:
    day, series = np.nonzero(demand)
    return pl.DataFrame(
        {
            "date": dates_at(calendar, day),
            "item_id": item_id[series],
            "location_id": location_id[series],
            "wanted_qty": demand[day, series],
        }
    ).sort("date", "location_id", "item_id")


def _products_frame(calendar: Days, assortment: _Range) -> pl.DataFrame:
    price = assortment.list_price
    launched = np.where(assortment.first_day > 0, assortment.first_day, -1)
    return pl.DataFrame(
        {
            "item_id": [item_id for _, _, item_id in assortment.items],
            "name": [f"{product.brand} {product.name}" for _, product, _ in assortment.items],
            "category": [category.name for category, _, _ in assortment.items],
            "department": [category.department for category, _, _ in assortment.items],
            "brand": [product.brand for _, product, _ in assortment.items],
            "unit_cost": np.round(price[0] * (1.0 - assortment.per_item("margin")), 2),
            "unit_price": price[-1],
            "uom": "each",
            "moq_qty": assortment.moq_qty,
            "order_multiple_qty": assortment.order_multiple_qty,
            "supplier_id": [category.supplier_id for category, _, _ in assortment.items],
            "launch_date": dates_at(calendar, launched),
            "end_date": dates_at(calendar, assortment.last_day),
        }
    ).sort("item_id")


def _locations_frame(config: RetailerConfig) -> pl.DataFrame:
    stores = STORES[: config.n_locations]
    return pl.DataFrame(
        {
            "location_id": [store.location_id for store in stores],
            "name": [store.name for store in stores],
            "region": [store.region for store in stores],
            "country": COUNTRY,
            "timezone": TIMEZONE,
            "type": [store.type for store in stores],
            "holiday_calendar": COUNTRY,
        }
    ).sort("location_id")


def _suppliers_frame(assortment: _Range) -> pl.DataFrame:
    used = [SUPPLIERS[position] for position in np.unique(assortment.supplier)]
    return pl.DataFrame(
        {
            "supplier_id": [supplier.supplier_id for supplier in used],
            "name": [supplier.name for supplier in used],
            "lead_time_days": [supplier.lead_time_days for supplier in used],
            "lead_time_sd_days": [supplier.lead_time_sd_days for supplier in used],
            "review_days": [supplier.review_days for supplier in used],
        }
    )


def _stock_frame(
    calendar: Days,
    *,
    item_id: npt.NDArray[np.str_],
    location_id: npt.NDArray[np.str_],
    path: StockPath,
    first_day: IntMatrix,
) -> pl.DataFrame:
    day, series = np.nonzero(np.arange(len(calendar))[:, None] >= first_day)
    return pl.DataFrame(
        {
            "date": dates_at(calendar, day),
            "item_id": item_id[series],
            "location_id": location_id[series],
            "on_hand_qty": path.on_hand[day, series],
        }
    ).sort("date", "location_id", "item_id")


def _orders_frame(
    calendar: Days,
    *,
    item_id: npt.NDArray[np.str_],
    location_id: npt.NDArray[np.str_],
    path: StockPath,
    supplier_of: IntMatrix,
    arrival_day: IntMatrix,
) -> pl.DataFrame:
    """Order lines as known at the end: what has not arrived has no received date and is open."""
    day, series = np.nonzero(path.ordered)
    horizon = calendar_days(calendar[0].item(), len(calendar) + _LONGEST_DELAY_DAYS)
    promised_days = np.array([supplier.lead_time_days for supplier in SUPPLIERS])[supplier_of[series]]
    received = arrival_day[day, series] < len(calendar)
    lines = pl.DataFrame(
        {
            "item_id": item_id[series],
            "location_id": location_id[series],
            "supplier_id": np.array([supplier.supplier_id for supplier in SUPPLIERS])[supplier_of[series]],
            "ordered_qty": path.ordered[day, series],
            "order_date": dates_at(calendar, day),
            "expected_date": dates_at(horizon, day + promised_days),
            "received_date": dates_at(calendar, arrival_day[day, series]),
            "received_qty": np.where(received, path.ordered[day, series], 0),
            "status": np.where(received, "received", "open"),
        }
    )
    order = ["order_date", "supplier_id", "location_id"]
    numbered = lines.select(order).unique().sort(order).with_row_index("number", offset=1)
    return (
        lines.join(numbered, on=order)
        .sort(*order, "item_id")
        .select(
            pl.format("PO-{}", pl.col("number").cast(pl.String).str.zfill(6)).alias("po_id"),
            "item_id",
            "ordered_qty",
            "order_date",
            "location_id",
            "supplier_id",
            "expected_date",
            "received_date",
            "received_qty",
            "status",
        )
    )


def _promotions_frame(
    planning: Days,
    days: int,
    promotions: list[Promotion],
    assortment: _Range,
    stores: tuple[Store, ...],
) -> pl.DataFrame:
    """The promotions announced by the last day of the history, some of them still to come."""
    known = [promotion for promotion in promotions if promotion.announced_day < days]
    lead_in = calendar_days(planning[0].item() - timedelta(days=60), len(planning) + 120)

    def on(positions: list[int], name: str) -> pl.Series:
        return dates_at(lead_in, np.array(positions, dtype=np.int64) + 60, name)

    return pl.DataFrame(
        {
            "item_id": pl.Series(
                [None if p.item is None else assortment.items[p.item][2] for p in known], dtype=pl.String
            ),
            "category": pl.Series(
                [None if p.category is None else CATEGORIES[p.category].name for p in known], dtype=pl.String
            ),
            "location_id": pl.Series(
                [None if p.location is None else stores[p.location].location_id for p in known],
                dtype=pl.String,
            ),
            "start_date": on([p.start_day for p in known], "start_date"),
            "end_date": on([p.end_day for p in known], "end_date"),
            "discount_rate": pl.Series([p.discount_rate for p in known], dtype=pl.Float64),
            "type": pl.Series([p.type for p in known], dtype=pl.String),
            "announced_date": on([p.announced_day for p in known], "announced_date"),
        }
    )
