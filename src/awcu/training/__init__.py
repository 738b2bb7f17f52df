"""Fine-tuning with PyTorch Lightning."""
