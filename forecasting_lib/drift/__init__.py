"""Whether what is delivered still is what the models were judged on: pure decisions over windows of days.

Belongs here: the statistics, their thresholds, and the sentence that each finding is told in. Does not belong
here: where the days come from, and what is stored of a finding.
"""
