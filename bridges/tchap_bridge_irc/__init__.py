"""Tchap and IRC."""
