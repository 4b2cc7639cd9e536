"""Statistics across training seeds: how good a method is, how sure that is, and which is better.

Training seeds are the unit of analysis: two seeds of one method are two draws of what you are
asking about, while a thousand episodes of one seed are one draw, measured well. So scores are
tables with axes `run task`: a run is one seed of a method, a task is one test that all runs took,
and a score is what the run reached in it, such as its success rate.

    scores = np.array([[0.9, 0.4], [0.8, 0.7], [1.0, 0.3]])  # three seeds, two mazes
    mx.statistics.bootstrap(mx.statistics.interquartile_mean, scores)

The definitions are from Agarwal et al., "Deep reinforcement learning at the edge of the
statistical precipice" (2021, arXiv 2108.13264), and from their package rliable.
"""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
