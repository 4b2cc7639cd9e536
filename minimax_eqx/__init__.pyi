from . import agents as agents
from . import curricula as curricula
from . import envs as envs
from . import evaluation as evaluation
from . import experiment as experiment
from . import nets as nets
from . import recipes as recipes
from . import rollouts as rollouts
from . import runners as runners
from . import scores as scores
from . import statistics as statistics
from ._typecheck import CheckedModules
from .evaluation._evaluate import evaluate as evaluate
from .experiment._compare import compare as compare
from .experiment._policy import load_policy as load_policy
from .experiment._policy import save_policy as save_policy
from .experiment._train import load as load
from .experiment._train import resume as resume
from .experiment._train import train as train
from .runners._experiment import Experiment as Experiment
from .runners._runner import Runner as Runner
from .runners._runner import run as run

__version__: str
_checks: CheckedModules
