"""How good results are: Fitserve, scikit-learn and Keras by hand, on the same rows and splits."""
