"""The invented retailer's master data: stores, suppliers, categories and products.

Belongs here: names, prices and the character of a product's demand, as plain tables.
Does not belong here: anything random, anything with a date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DemandClass = Literal["smooth", "erratic", "intermittent", "lumpy"]


@dataclass(frozen=True)
class Store:
    """One location.

    Attributes:
        demand_share: demand relative to the flagship store.
        price_factor: shelf price relative to the flagship store.
        closes_sundays_and_holidays: no trading, hence no sales row, on those days.
    """

    location_id: str
    name: str
    region: str
    type: str
    demand_share: float
    price_factor: float
    closes_sundays_and_holidays: bool


@dataclass(frozen=True)
class Supplier:
    """One supplier. Lead times are calendar days; the standard deviation is that of ordinary deliveries."""

    supplier_id: str
    name: str
    lead_time_days: int
    lead_time_sd_days: float
    review_days: int


@dataclass(frozen=True)
class Product:
    """One item of the assortment.

    Attributes:
        unit_price: euros at the start of the history, flagship store.
        rate: at the flagship store on an average day, units (smooth, erratic) or buying occasions
            (intermittent, lumpy).
    """

    name: str
    brand: str
    unit_price: float
    demand_class: DemandClass
    rate: float


@dataclass(frozen=True)
class Category:
    """Products that share a season, a supplier and a margin.

    Attributes:
        code: prefix of the item ids.
        peak_day: day of the year with the highest demand.
        amplitude: relative height of the yearly wave, 0 to 1.
        christmas: relative extra demand just before Christmas.
        weekend: how strongly demand concentrates on Friday and Saturday, 0 to 1.
        elasticity: price elasticity around which the items of the category scatter, negative.
        margin: share of the unit price that is not cost.
        returns: share of idle days on which a customer brings one unit back.
    """

    code: str
    name: str
    department: str
    supplier_id: str
    peak_day: int
    amplitude: float
    christmas: float
    weekend: float
    elasticity: float
    margin: float
    returns: float
    products: tuple[Product, ...]


COUNTRY = "IE"
TIMEZONE = "Europe/Dublin"

STORES: tuple[Store, ...] = (
    Store("DUB01", "Dublin Northside", "Leinster", "supermarket", 1.0, 1.0, False),
    Store("GAL01", "Galway Harbour", "Connacht", "convenience", 0.45, 1.04, True),
    Store("COR01", "Cork Riverside", "Munster", "supermarket", 0.75, 1.0, False),
)

SUPPLIERS: tuple[Supplier, ...] = (
    Supplier("SUP-01", "Glenmore Dairies", 2, 0.5, 1),
    Supplier("SUP-02", "Fieldgate Fresh Produce", 2, 0.7, 1),
    Supplier("SUP-03", "Millrace Bakery", 1, 0.3, 1),
    Supplier("SUP-04", "Castlebridge Foods", 5, 1.2, 3),
    Supplier("SUP-05", "Harbour Dry Goods", 7, 1.8, 3),
    Supplier("SUP-06", "Redmond Beverages", 6, 1.5, 3),
    Supplier("SUP-07", "Continental Coffee & Tea", 14, 3.0, 7),
    Supplier("SUP-08", "Brightwater Household", 9, 2.2, 7),
    Supplier("SUP-09", "Lindqvist Personal Care", 12, 3.0, 7),
    Supplier("SUP-10", "Eastern Housewares Import", 28, 6.0, 7),
)

LATE_SUPPLIER_ID = "SUP-05"
"""Its deliveries of the last days of the history are overdue, so that some items run dry soon."""

CATEGORIES: tuple[Category, ...] = (
    Category(
        "MLK", "Milk & Cream", "Fresh", "SUP-01", 15, 0.05, 0.25, 0.3, -0.6, 0.22, 0.0,
        (
            Product("Whole Milk 2 L", "Glenmore", 2.19, "smooth", 68.0),
            Product("Low Fat Milk 1 L", "Glenmore", 1.29, "smooth", 52.0),
            Product("Fresh Cream 250 ml", "Glenmore", 1.65, "smooth", 17.0),
            Product("Oat Drink Barista 1 L", "Haverly", 2.45, "smooth", 21.0),
            Product("Lactose Free Milk 1 L", "Puralac", 1.95, "smooth", 9.0),
        ),
    ),
    Category(
        "CHS", "Cheese", "Fresh", "SUP-01", 350, 0.10, 0.60, 0.4, -1.2, 0.30, 0.0,
        (
            Product("Mature Cheddar 400 g", "Ballyrowan", 4.79, "smooth", 19.0),
            Product("Mozzarella 125 g", "Casa Lunetta", 1.39, "smooth", 16.0),
            Product("Halloumi 225 g", "Kyrenos", 3.49, "erratic", 17.0),
            Product("Blue Cheese Wedge 150 g", "Ballyrowan", 3.25, "intermittent", 0.45),
            Product("Party Cheese Platter 600 g", "Ballyrowan", 11.99, "lumpy", 0.22),
        ),
    ),
    Category(
        "YOG", "Yoghurt & Desserts", "Fresh", "SUP-01", 190, 0.12, 0.05, 0.2, -1.4, 0.28, 0.0,
        (
            Product("Natural Yoghurt 500 g", "Glenmore", 1.89, "smooth", 20.0),
            Product("Strawberry Yoghurt 4 x 125 g", "Glenmore", 2.29, "smooth", 18.0),
            Product("Skyr Vanilla 450 g", "Norrland", 2.79, "smooth", 14.0),
            Product("Chocolate Pots 2 x 90 g", "Maison Perle", 2.59, "erratic", 15.0),
            Product("Kefir 1 L", "Norrland", 3.15, "intermittent", 0.5),
        ),
    ),
    Category(
        "VEG", "Fruit & Vegetables", "Fresh", "SUP-02", 170, 0.10, 0.15, 0.3, -0.8, 0.32, 0.0,
        (
            Product("Bananas Bunch of 6", "Fieldgate", 1.49, "smooth", 58.0),
            Product("Rooster Potatoes 2 kg", "Fieldgate", 2.99, "smooth", 33.0),
            Product("Vine Tomatoes 6 Pack", "Fieldgate", 1.99, "smooth", 27.0),
            Product("Avocado Twin Pack", "Fieldgate", 2.49, "erratic", 18.0),
            Product("Pomegranate Each", "Fieldgate", 1.79, "intermittent", 0.4),
        ),
    ),
    Category(
        "BBQ", "Barbecue & Salads", "Fresh", "SUP-02", 195, 0.75, 0.0, 0.7, -1.6, 0.33, 0.0,
        (
            Product("Mixed Leaf Salad 150 g", "Fieldgate", 1.79, "smooth", 22.0),
            Product("Coleslaw 400 g", "Fieldgate", 1.99, "erratic", 16.0),
            Product("Beef Burgers 4 Pack", "Castlebridge", 4.99, "erratic", 15.0),
            Product("Corn on the Cob 4 Pack", "Fieldgate", 2.49, "erratic", 13.0),
            Product("Barbecue Charcoal 5 kg", "Emberline", 7.99, "lumpy", 0.30),
        ),
    ),
    Category(
        "BRD", "Bread & Bakery", "Fresh", "SUP-03", 15, 0.04, 0.10, 0.4, -0.7, 0.35, 0.0,
        (
            Product("White Sliced Pan 800 g", "Millrace", 1.85, "smooth", 55.0),
            Product("Wholemeal Soda Bread 500 g", "Millrace", 2.35, "smooth", 24.0),
            Product("Croissants 4 Pack", "Millrace", 2.49, "smooth", 17.0),
            Product("Burger Buns 6 Pack", "Millrace", 1.69, "erratic", 17.0),
            Product("Gluten Free Rolls 4 Pack", "Wheatless", 3.49, "intermittent", 0.55),
        ),
    ),
    Category(
        "PST", "Pasta & Rice", "Grocery", "SUP-05", 30, 0.10, 0.0, 0.3, -1.5, 0.30, 0.001,
        (
            Product("Spaghetti 500 g", "Casa Lunetta", 1.09, "smooth", 26.0),
            Product("Penne 500 g", "Casa Lunetta", 1.09, "smooth", 22.0),
            Product("Basmati Rice 1 kg", "Punjab Garden", 3.19, "smooth", 14.0),
            Product("Egg Noodles 250 g", "Red Lantern", 1.79, "erratic", 14.0),
            Product("Arborio Risotto Rice 500 g", "Casa Lunetta", 2.89, "intermittent", 0.5),
        ),
    ),
    Category(
        "TIN", "Tinned Food", "Grocery", "SUP-05", 20, 0.12, 0.0, 0.2, -1.7, 0.27, 0.001,
        (
            Product("Chopped Tomatoes 400 g", "Casa Lunetta", 0.89, "smooth", 35.0),
            Product("Baked Beans 415 g", "Castlebridge", 1.05, "smooth", 29.0),
            Product("Tuna Chunks in Brine 3 x 80 g", "Atlantic Bay", 4.29, "erratic", 18.0),
            Product("Coconut Milk 400 ml", "Red Lantern", 1.69, "smooth", 11.0),
            Product("Artichoke Hearts 390 g", "Casa Lunetta", 2.49, "intermittent", 0.3),
        ),
    ),
    Category(
        "SAU", "Sauces & Spices", "Grocery", "SUP-05", 200, 0.10, 0.05, 0.3, -1.3, 0.34, 0.001,
        (
            Product("Tomato Ketchup 460 g", "Castlebridge", 2.79, "smooth", 13.0),
            Product("Mayonnaise 400 ml", "Castlebridge", 2.99, "smooth", 12.0),
            Product("Basil Pesto 190 g", "Casa Lunetta", 2.69, "smooth", 11.0),
            Product("Black Peppercorns 50 g", "Spice Quay", 2.19, "intermittent", 0.5),
            Product("Saffron 0.4 g", "Spice Quay", 5.49, "intermittent", 0.22),
        ),
    ),
    Category(
        "CER", "Breakfast Cereals", "Grocery", "SUP-04", 20, 0.15, 0.0, 0.2, -1.9, 0.29, 0.001,
        (
            Product("Porridge Oats 1 kg", "Oatfield", 2.39, "smooth", 24.0),
            Product("Corn Flakes 500 g", "Sunmill", 2.75, "smooth", 18.0),
            Product("Fruit & Nut Muesli 750 g", "Oatfield", 3.85, "smooth", 10.0),
            Product("Chocolate Hoops 375 g", "Sunmill", 3.29, "erratic", 16.0),
            Product("Protein Granola 400 g", "Oatfield", 4.99, "intermittent", 0.5),
        ),
    ),
    Category(
        "BIS", "Biscuits & Chocolate", "Grocery", "SUP-04", 350, 0.10, 0.90, 0.4, -1.8, 0.31, 0.001,
        (
            Product("Digestive Biscuits 400 g", "Marlowe", 1.89, "smooth", 23.0),
            Product("Dark Chocolate 70 % 100 g", "Maison Perle", 2.59, "smooth", 14.0),
            Product("Milk Chocolate Bar 180 g", "Marlowe", 2.79, "erratic", 22.0),
            Product("Shortbread Tin 500 g", "Marlowe", 7.99, "lumpy", 0.28),
            Product("Assorted Chocolates 600 g", "Maison Perle", 9.99, "lumpy", 0.26),
        ),
    ),
    Category(
        "CRI", "Crisps & Nuts", "Grocery", "SUP-04", 180, 0.15, 0.50, 0.7, -1.7, 0.33, 0.0,
        (
            Product("Cheese & Onion Crisps 6 Pack", "Rathmore", 2.99, "smooth", 25.0),
            Product("Sea Salt Crisps 150 g", "Rathmore", 2.19, "smooth", 18.0),
            Product("Tortilla Chips 200 g", "Cantina Roja", 1.99, "erratic", 16.0),
            Product("Roasted Cashews 200 g", "Marlowe", 4.19, "intermittent", 0.55),
            Product("Popcorn Share Bag 90 g", "Rathmore", 1.79, "erratic", 15.0),
        ),
    ),
    Category(
        "BAK", "Home Baking", "Grocery", "SUP-05", 335, 0.25, 0.70, 0.2, -1.0, 0.32, 0.001,
        (
            Product("Plain Flour 2 kg", "Millrace", 2.29, "smooth", 13.0),
            Product("Caster Sugar 1 kg", "Castlebridge", 1.79, "smooth", 12.0),
            Product("Baking Powder 200 g", "Castlebridge", 1.95, "intermittent", 0.45),
            Product("Mixed Dried Fruit 500 g", "Marlowe", 3.49, "lumpy", 0.27),
            Product("Vanilla Extract 38 ml", "Spice Quay", 3.99, "intermittent", 0.28),
        ),
    ),
    Category(
        "ICE", "Ice Cream & Frozen", "Frozen", "SUP-04", 200, 0.60, 0.20, 0.6, -1.9, 0.30, 0.0,
        (
            Product("Vanilla Ice Cream 1 L", "Glenmore", 3.99, "erratic", 20.0),
            Product("Garden Peas 900 g", "Castlebridge", 2.59, "smooth", 15.0),
            Product("Oven Chips 1.5 kg", "Castlebridge", 3.49, "smooth", 17.0),
            Product("Ice Lollies 8 Pack", "Glenmore", 2.99, "erratic", 15.0),
            Product("Bag of Ice 2 kg", "Castlebridge", 1.99, "lumpy", 0.30),
        ),
    ),
    Category(
        "PIZ", "Pizza & Ready Meals", "Frozen", "SUP-04", 20, 0.08, 0.0, 0.6, -1.8, 0.31, 0.0,
        (
            Product("Margherita Pizza 320 g", "Casa Lunetta", 3.29, "smooth", 21.0),
            Product("Pepperoni Pizza 340 g", "Casa Lunetta", 3.59, "erratic", 20.0),
            Product("Fish Pie 400 g", "Atlantic Bay", 4.49, "smooth", 9.0),
            Product("Vegetable Lasagne 400 g", "Castlebridge", 3.99, "smooth", 8.5),
            Product("Vegan Curry 380 g", "Punjab Garden", 4.29, "intermittent", 0.55),
        ),
    ),
    Category(
        "COF", "Coffee & Tea", "Drinks", "SUP-07", 10, 0.15, 0.20, 0.2, -1.6, 0.34, 0.001,
        (
            Product("Breakfast Tea 160 Bags", "Merrion", 4.99, "smooth", 18.0),
            Product("Ground Coffee 250 g", "Torrefatto", 4.59, "smooth", 16.0),
            Product("Instant Coffee 200 g", "Merrion", 7.49, "smooth", 11.0),
            Product("Espresso Beans 1 kg", "Torrefatto", 14.99, "intermittent", 0.5),
            Product("Camomile Tea 20 Bags", "Merrion", 2.29, "intermittent", 0.4),
        ),
    ),
    Category(
        "SOF", "Soft Drinks & Water", "Drinks", "SUP-06", 195, 0.35, 0.30, 0.5, -2.0, 0.28, 0.0,
        (
            Product("Still Water 6 x 1.5 L", "Slievenore", 3.49, "smooth", 24.0),
            Product("Sparkling Water 1.5 L", "Slievenore", 0.99, "smooth", 26.0),
            Product("Cola Zero 2 L", "Zesta", 2.35, "erratic", 24.0),
            Product("Orange Juice 1 L", "Valenza", 2.49, "smooth", 20.0),
            Product("Tonic Water 4 x 200 ml", "Zesta", 3.69, "erratic", 14.0),
        ),
    ),
    Category(
        "BER", "Beer & Wine", "Drinks", "SUP-06", 190, 0.20, 0.90, 0.9, -1.8, 0.26, 0.0,
        (
            Product("Lager 8 x 500 ml", "Rathmore", 13.99, "erratic", 18.0),
            Product("Pale Ale 500 ml", "Kilbrack", 2.79, "smooth", 15.0),
            Product("Sauvignon Blanc 75 cl", "Baie Claire", 9.99, "erratic", 15.0),
            Product("Prosecco 75 cl", "Colle Alto", 12.99, "lumpy", 0.30),
            Product("Alcohol Free Lager 4 x 330 ml", "Kilbrack", 5.99, "intermittent", 0.5),
        ),
    ),
    Category(
        "CLN", "Cleaning", "Household", "SUP-08", 90, 0.10, 0.0, 0.3, -1.5, 0.36, 0.002,
        (
            Product("Washing-Up Liquid 500 ml", "Brightwater", 1.79, "smooth", 14.0),
            Product("All Purpose Spray 750 ml", "Brightwater", 2.49, "smooth", 10.0),
            Product("Bleach 1 L", "Brightwater", 1.35, "smooth", 9.5),
            Product("Oven Cleaner 400 ml", "Brightwater", 4.49, "intermittent", 0.35),
            Product("Microfibre Cloths 5 Pack", "Brightwater", 3.99, "intermittent", 0.3),
        ),
    ),
    Category(
        "LDY", "Laundry", "Household", "SUP-08", 120, 0.06, 0.0, 0.4, -2.2, 0.30, 0.002,
        (
            Product("Liquid Detergent 40 Washes", "Fresco", 9.99, "erratic", 14.0),
            Product("Laundry Pods 30 Pack", "Fresco", 8.99, "erratic", 13.0),
            Product("Fabric Softener 1.5 L", "Fresco", 3.79, "smooth", 9.5),
            Product("Stain Remover 500 g", "Fresco", 5.99, "intermittent", 0.4),
            Product("Colour Catcher Sheets 20 Pack", "Fresco", 3.49, "intermittent", 0.33),
        ),
    ),
    Category(
        "PAP", "Paper Goods", "Household", "SUP-08", 340, 0.04, 0.25, 0.5, -1.9, 0.24, 0.001,
        (
            Product("Toilet Tissue 9 Rolls", "Cloudline", 5.49, "smooth", 21.0),
            Product("Kitchen Towel 2 Rolls", "Cloudline", 2.69, "smooth", 15.0),
            Product("Facial Tissues 80 Sheets", "Cloudline", 1.29, "smooth", 13.0),
            Product("Paper Napkins 50 Pack", "Cloudline", 1.99, "intermittent", 0.45),
            Product("Baking Parchment 10 m", "Cloudline", 2.19, "intermittent", 0.4),
        ),
    ),
    Category(
        "HAR", "Hair & Body", "Health & Beauty", "SUP-09", 180, 0.06, 0.15, 0.3, -2.0, 0.38, 0.002,
        (
            Product("Everyday Shampoo 400 ml", "Solvane", 3.99, "smooth", 9.5),
            Product("Shower Gel Citrus 250 ml", "Solvane", 2.49, "smooth", 11.0),
            Product("Hand Soap 500 ml", "Solvane", 1.99, "smooth", 12.0),
            Product("Sun Cream SPF 50 200 ml", "Helio", 11.99, "lumpy", 0.25),
            Product("Beard Oil 30 ml", "Solvane", 8.49, "intermittent", 0.2),
        ),
    ),
    Category(
        "BBY", "Baby", "Health & Beauty", "SUP-09", 100, 0.03, 0.0, 0.4, -1.4, 0.25, 0.003,
        (
            Product("Nappies Size 4 44 Pack", "Tiny Steps", 9.49, "erratic", 14.0),
            Product("Baby Wipes 60 Pack", "Tiny Steps", 1.49, "smooth", 17.0),
            Product("Follow-On Milk 800 g", "Tiny Steps", 14.49, "smooth", 8.0),
            Product("Organic Baby Porridge 200 g", "Tiny Steps", 3.29, "intermittent", 0.5),
            Product("Teething Gel 15 g", "Tiny Steps", 5.29, "intermittent", 0.25),
        ),
    ),
    Category(
        "HOM", "Homeware", "Household", "SUP-10", 330, 0.20, 0.60, 0.7, -1.2, 0.48, 0.004,
        (
            Product("LED Bulb E27 2 Pack", "Lumea", 6.99, "intermittent", 0.5),
            Product("AA Batteries 8 Pack", "Voltix", 7.49, "lumpy", 0.30),
            Product("Storage Box 20 L", "Hearth & Co", 8.99, "lumpy", 0.22),
            Product("Scented Candle 200 g", "Hearth & Co", 6.49, "lumpy", 0.28),
            Product("Non-Stick Frying Pan 28 cm", "Hearth & Co", 24.99, "intermittent", 0.2),
        ),
    ),
)  # fmt: skip

CATALOGUE: tuple[tuple[Category, Product, str], ...] = tuple(
    (category, product, f"{category.code}{number:03d}")
    for category in CATEGORIES
    for number, product in enumerate(category.products, start=1)
)
"""Every product with its category and its item id."""
