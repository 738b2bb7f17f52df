"""The web page: drop a photograph, see verdict, reason and crop."""
