"""Tables as datasets: the options of a request, the target, and rows or windows of rows as examples."""
