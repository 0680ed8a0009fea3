"""Hints to workers through a message broker: what they are, and how they are sent."""
