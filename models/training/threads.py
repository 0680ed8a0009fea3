"""Sets the number of TensorFlow's threads: the same number gives the same weights."""

import tensorflow as tf


def configure_threads(threads: int) -> None:
    """Set the threads of an operation and of independent operations; call it before the first operation of the process.

    Raises RuntimeError if TensorFlow already runs with another number.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
