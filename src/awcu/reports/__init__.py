"""Sheets, pages and W&B media that show results."""
