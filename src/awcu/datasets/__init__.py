"""The public data sets, the rendered gallery, and photographs prepared for training."""
