"""The metrics of the field, none of them weighted."""
