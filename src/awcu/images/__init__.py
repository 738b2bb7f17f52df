"""Photographs as pixels: found, decoded, transformed."""
