"""What jobs are asked, told and report, as typed documents; one module a kind. Knows no Keras."""
