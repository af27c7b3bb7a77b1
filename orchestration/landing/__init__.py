"""From a file in a client's landing folder to rows in ``staging``, or to one sentence saying why not.

``contracts`` says what may be delivered, ``discovery`` which files are new, ``reader`` turns bytes into
frames of text, ``validation`` turns text into typed rows and refusals, ``m5`` does the same for M5's wide
layout, ``load`` writes a file in one transaction, ``anomalies`` judges a whole delivery. Nothing here knows
of Dagster.
"""
