"""Data sets of labelled music: GTZAN, a folder per genre, a CSV manifest; their splits and their feature stores."""
