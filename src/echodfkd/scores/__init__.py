"""Masks against truth, as the verb `evaluate` needs them."""
