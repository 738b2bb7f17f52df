"""Weighted heads on frozen features, each solved to its optimum."""
