"""The category from words: title and description as hashed n-grams, and a linear classifier over them."""
