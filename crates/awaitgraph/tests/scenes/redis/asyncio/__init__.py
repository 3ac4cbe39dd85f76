"""Imitates how the driver of this name lends connections."""
