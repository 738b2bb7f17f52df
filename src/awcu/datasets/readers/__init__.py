"""One reader per data set; each returns `awcu.ratings.ratings.Ratings`."""
