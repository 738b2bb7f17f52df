"""What a person types: arguments in, one call down, words out."""
