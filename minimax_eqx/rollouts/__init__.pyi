from ._episodes import Episodes as Episodes
from ._evaluation import evaluate as evaluate
from ._evidence import Evidence as Evidence
from ._recording import record_episode as record_episode
