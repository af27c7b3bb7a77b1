"""Series with little history of their own: what relatives say of them, and how it joins a forecast."""
