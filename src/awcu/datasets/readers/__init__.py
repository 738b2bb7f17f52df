"""Data sets: one reader each, every one returning `awcu.ratings.Ratings`."""
