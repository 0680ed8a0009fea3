"""Tables as datasets: what a request says of one, its target, and rows or windows of rows as examples."""
