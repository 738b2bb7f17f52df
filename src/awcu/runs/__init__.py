"""What a run leaves behind: record, history, predictions."""
