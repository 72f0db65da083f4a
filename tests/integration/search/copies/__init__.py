"""Copies that are folded into one result."""
