"""Imitates how the pool of this name lends connections."""
