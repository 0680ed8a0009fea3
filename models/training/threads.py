"""How many threads TensorFlow takes: the same number gives the same weights."""

import tensorflow as tf


def configure_threads(threads: int) -> None:
    """Let an operation, and independent operations, use this many threads; before the first operation of the process.

    Raises RuntimeError when TensorFlow already runs with another number.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
