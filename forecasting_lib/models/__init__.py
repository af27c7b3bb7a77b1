"""Forecasting models: one file per family behind one interface, guards around all of them, one registry."""
