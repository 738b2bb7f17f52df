"""Networks, objectives and activation maps, and models saved to disk."""
