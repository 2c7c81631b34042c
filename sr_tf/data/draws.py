"""Random numbers as pure functions of a seed and an index, in NumPy: the same on every machine and Keras backend.

The numbers equal those of `tf.random.stateless_uniform` and `tf.random.experimental.index_shuffle` on a CPU; tests
compare them. Training therefore draws the same patches with and without TensorFlow.
"""

import math

import numpy as np

# Philox 4×32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): multipliers and key increments.
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_INCREMENTS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# The key by which TensorFlow mixes a pair of seeds into Philox's own key and counter.
_MIXING_KEY = 0x3EC8F720, 0x02461E29

# Simon (Beaulieu et al. 2013, ePrint 2013/404): constants of the key schedule, and the first word of TensorFlow's key.
_SIMON_C, _SIMON_Z = 0xFFFFFFFC, 0x7369F885192C0EF5
_FIRST_KEY = 498247692
_LEAST_BLOCK = 16


def uniform(seed: int, numbers: np.ndarray) -> np.ndarray:
    """Draws four uniform random numbers for each index.

    Args:
        seed: any 64-bit integer.
        numbers: the indices, int64 [N].

    Returns:
        float32 [N, 4] in [0, 1); each row depends only on the seed and its own index.
    """
    low, high = _halves(np.asarray(numbers, np.int64))
    seed_low, seed_high = _halves(np.full(low.shape, seed, np.int64))
    mixing_key = [np.full(low.shape, word, np.uint64) for word in _MIXING_KEY]
    mixed = _philox([seed_low, seed_high, low, high], mixing_key)
    zero = np.zeros_like(low)
    words = np.stack(_philox([zero, zero, mixed[2], mixed[3]], mixed[:2]), axis=-1).astype(np.uint32)
    # 23 random bits as the mantissa of a float in [1, 2).
    return ((words & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)).view(np.float32) - np.float32(1)


def permutation(seed: int, turn: int, count: int) -> np.ndarray:
    """Draws a random order of `count` items, a different one for each seed and turn.

    The order is a block cipher on an even number of bits, at least 16, that is large enough for `count`. Where a result
    is too large, the cipher is applied again (cycle walking, Black and Rogaway 2002).

    Args:
        seed: any integer; only its low 32 bits are used.
        turn: any integer, for instance the number of the pass over the data; only its low 32 bits are used.
        count: the number of items, at least 1.

    Returns:
        int64 [count]: each number from 0 to count − 1 once.
    """
    last = count - 1
    if last == 0:
        return np.zeros(1, np.int64)
    bits = math.ceil(math.log2(last))
    word = max(bits + bits % 2, _LEAST_BLOCK) // 2
    # `walk` maps every value to the next step of its walk; values small enough map to themselves.
    values = np.arange(1 << 2 * word, dtype=np.int64)
    walk = _simon(values, seed, turn, word)
    order = walk[:count]
    walk = np.where(values <= last, values, walk)
    while (order > last).any():
        order = walk[order]
        walk = walk[walk]  # doubles the steps: a few of a million values need tens of thousands of them
    return order


def _halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits int64 values into their low and high 32 bits, as uint64."""
    bits = values.view(np.uint64)
    return bits & _LOW, bits >> _HALF


def _philox(counter: list[np.ndarray], key: list[np.ndarray]) -> list[np.ndarray]:
    """Philox: four random 32-bit words for each counter of four words and key of two words, all stored as uint64."""
    for _ in range(_ROUNDS):
        first, second = counter[0] * _MULTIPLIERS[0], counter[2] * _MULTIPLIERS[1]
        counter = [
            (second >> _HALF) ^ counter[1] ^ key[0],
            second & _LOW,
            (first >> _HALF) ^ counter[3] ^ key[1],
            first & _LOW,
        ]
        key = [(part + increment) & _LOW for part, increment in zip(key, _INCREMENTS, strict=True)]
    return counter


def _simon(values: np.ndarray, seed: int, turn: int, word: int) -> np.ndarray:
    """Simon with four rounds on words of `word` bits; each value consists of two words."""
    mask = (1 << word) - 1

    def left(x, shift: int):
        return ((x << shift) | (x >> (word - shift))) & mask

    def mixed(x):
        return (left(x, 1) & left(x, 8)) ^ left(x, 2)

    keys = [part & mask for part in (_FIRST_KEY, seed & 0xFFFFFFFF, turn & 0xFFFFFFFF)]
    keys.append((_SIMON_C & mask) ^ (_SIMON_Z & 1) ^ keys[0] ^ left(keys[2], word - 3) ^ left(keys[2], word - 4))
    high, low = (values >> word) & mask, values & mask
    for first, second in ((keys[0], keys[1]), (keys[2], keys[3])):
        high = high ^ mixed(low) ^ first
        low = low ^ mixed(high) ^ second
    return (high << word) | low
