"""Methods on mazes, each as a function that returns an `Experiment`.

Unless a function says otherwise, its hyperparameters are those of the reference implementation
(facebookresearch/minimax). Every function takes other parts and values by the short names that the
command line has for them: `accel(score=PositiveValueLoss(), num_edits=5)`. Two underscores stand
for a dot, as in `paired(student__learning_rate=3e-4)`, and a part may be given by its name there:
`accel(parents="easiest", num_parents=2)`.
"""

from ..._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
