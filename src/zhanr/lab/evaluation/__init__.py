"""Honest measurement: a classifier on labelled music (`evaluate`), and pieces of it to look at (`pieces`)."""
