"""Noting which random generators a Worker makes at its top level, and seeding them anew in each isolate."""

import gc
import random
import sys
import weakref

_unseeded = weakref.WeakSet()
_numpy_generators = []
_seed = random.Random.seed
# numpy draws this many bits from the system where it is given no seed; nobody writes a seed that long by hand.
_NUMPY_ENTROPY_BITS = 96


def _noting_seed(self, a=None, version=2):
    if a is None:
        _unseeded.add(self)
    else:
        _unseeded.discard(self)
    _seed(self, a, version)


def start() -> None:
    """Notes from now on which ``random.Random`` objects are seeded by the system."""
    random.Random.seed = _noting_seed


def stop() -> None:
    """Stops noting, and looks for numpy's generators."""
    random.Random.seed = _seed
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        kinds = (numpy_random.Generator, numpy_random.RandomState)
        _numpy_generators.extend(item for item in gc.get_objects() if isinstance(item, kinds))


def reseed() -> None:
    """Seeds anew everything that was seeded by the system."""
    for generator in _unseeded:
        generator.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return
    numpy_random.seed()
    for generator in _numpy_generators:
        bits = generator.bit_generator if hasattr(generator, "bit_generator") else generator._bit_generator
        entropy = getattr(getattr(bits, "seed_seq", None), "entropy", None)
        if isinstance(entropy, int) and entropy.bit_length() > _NUMPY_ENTROPY_BITS:
            bits.state = type(bits)().state
