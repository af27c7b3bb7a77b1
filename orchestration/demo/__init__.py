"""The demo clients: two made-up companies that deliver files like any other.

``clients`` has their registry entries, ``files`` writes and delivers their files, ``m5_files`` is what M5's
files need on top. What is in the files is drawn by ``forecasting_lib.demo``. The product knows nothing of it:
only the commands import this package.
"""
