"""Ratings, splits and the weightings of photographs."""
