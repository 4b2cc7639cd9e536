from ._episodes import Episodes as Episodes
from ._evaluation import evaluate as evaluate
from ._evaluation import record_episode as record_episode
from ._evidence import Evidence as Evidence
