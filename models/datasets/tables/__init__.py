"""Tables: files of rows and columns read, their columns' types found, described, and made into inputs and targets."""
