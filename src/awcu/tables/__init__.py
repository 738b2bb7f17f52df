"""From run records to tables with intervals and paired differences."""
