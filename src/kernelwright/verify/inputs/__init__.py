"""Which inputs, weights, layouts and sizes a candidate is judged on."""
