"""Upstream keeps its patches of getentropy here; hognose has none."""
