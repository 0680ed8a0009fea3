"""Single values and arrays: numbers, dates, words, text encodings, tensors."""
