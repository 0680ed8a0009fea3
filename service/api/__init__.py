"""The HTTP side: routes over the operations, and everything that HTTP asks of them. Knows no TensorFlow."""
