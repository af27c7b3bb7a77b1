"""How the bundled Chronos-2 was made: synthetic demand, a training loop, validation and export.

Belongs here: everything that produces weights from nothing but a seed.
Does not belong here: forecasting with weights (models), fine-tuning on a client's history, genuine data.
"""
