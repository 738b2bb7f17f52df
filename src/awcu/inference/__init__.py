"""A trained model in use: scores, explanations, crops."""
