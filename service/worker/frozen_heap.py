"""Exempts what the fork server has imported from garbage collection in the processes of jobs; imported last.

TensorFlow and Keras leave 400,000 objects. Each full collection would examine them all, and so copy the memory pages
that the processes share with the fork server (docs.python.org/3/library/gc.html#gc.freeze).
"""

import gc

gc.collect()
gc.freeze()
