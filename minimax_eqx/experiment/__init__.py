"""A run on disk: configuration, presets, the training loop, checkpoints and reports.

Needs the packages of the extra `minimax_eqx[cli]`.
"""

from .ahead import CompileAhead as CompileAhead
from .build import make_env as make_env
from .build import make_generator as make_generator
from .build import make_runner as make_runner
from .checkpoints import Checkpoints as Checkpoints
from .compile_cache import keep_compiled_programs as keep_compiled_programs
from .config import Config as Config
from .evaluation import evaluate_held_out as evaluate_held_out
from .evaluation import evaluate_run as evaluate_run
from .evaluation import held_out_mazes as held_out_mazes
from .filesystem import FolderError as FolderError
from .folder import RunFolder as RunFolder
from .ledger import Ledger as Ledger
from .listener import Listener as Listener
from .loop import Outcome as Outcome
from .loop import TrainingError as TrainingError
from .manifest import CheckpointError as CheckpointError
from .options import ConfigError as ConfigError
from .presets import PRESETS as PRESETS
from .presets import preset as preset
from .report import write_curves as write_curves
from .report import write_report as write_report
from .train import load_runner as load_runner
from .train import resume as resume
from .train import start as start
