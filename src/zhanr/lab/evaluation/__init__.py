"""Honest measurement: scores (`metrics`), a classifier on labelled music (`evaluate`), and figures (`plots`).

Nothing is imported here: whoever needs a score need not load data sets or matplotlib.
"""
