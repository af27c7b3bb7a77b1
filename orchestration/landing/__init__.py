"""From a file in a client's landing folder to rows in ``staging``, or to one sentence saying why not.

``kinds`` says what may be delivered and by which rules, ``reasons`` every way of saying no, ``discovery``
which files are new. ``load`` takes one file in one transaction: ``reader`` turns bytes into frames of text,
``judging`` text into typed rows and refusals (``m5`` does so for M5's wide layout), ``whole_file`` decides
what needs all rows, ``publishing`` writes them, ``records`` remembers. ``anomalies`` judges a whole delivery.
Nothing here knows of Dagster.
"""
