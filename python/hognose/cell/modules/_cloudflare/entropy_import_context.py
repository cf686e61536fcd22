"""Upstream keeps its import-time entropy rules here; hognose has none."""
