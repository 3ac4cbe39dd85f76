"""Imitates how the driver of this name waits."""
