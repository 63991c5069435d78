"""Work on whole data sets: checking them, and extracting their features."""
