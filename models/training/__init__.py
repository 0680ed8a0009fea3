"""Training a compiled Keras network on arrays: the plan, the steps as graph calls, the loop, the evaluation.

`plan` and `execution` know no Keras; of the others some import TensorFlow.
"""
