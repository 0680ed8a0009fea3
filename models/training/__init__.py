"""Training a compiled Keras network on arrays: the plan, the steps as graph calls, the loop, the evaluation.

`plan` and `execution` use no Keras; some of the other modules import TensorFlow.
"""
