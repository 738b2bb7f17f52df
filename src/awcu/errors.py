"""Every error that awcu raises on purpose: what a user can mend, and says in one line how.

The command line prints an `AwcuError` as one line; any other exception is a bug and keeps its traceback.
"""


class AwcuError(Exception):
    """A fault that the user can mend; its text names the value, the rule and the next step."""


class PredictError(AwcuError, ValueError):
    """An output that must not or cannot be written, or a device that is not there."""


class DemoError(AwcuError, ValueError):
    """A page that cannot be served as asked."""


class DashboardError(AwcuError, ValueError):
    """A dashboard that cannot be built: no table, no login, or no package to build it with."""


class LimitError(AwcuError, ValueError):
    """A limit that lets nobody in."""


class SheetError(AwcuError, ValueError):
    """A sheet that cannot be made as asked."""


class ReportError(AwcuError, ValueError):
    """A report that cannot be made as asked."""


class FeatureError(AwcuError, ValueError):
    """A feature cache that cannot be used, or features that cannot be computed."""


class ProbeError(AwcuError, ValueError):
    """A head that has no optimum, or numbers that no head can be solved with."""


class LadderError(AwcuError, ValueError):
    """A table from which no ladder can be drawn."""


class ForestError(AwcuError, ValueError):
    """A table from which no forest plot can be drawn."""


class TaskError(AwcuError, ValueError):
    """A task that cannot be trained as configured."""


class ResumeError(AwcuError, ValueError):
    """A checkpoint that training cannot go on from."""


class CropError(AwcuError, ValueError):
    """A crop that cannot be had: its shape, its contents, or what it is asked from."""


class FaithfulnessError(AwcuError, ValueError):
    """A map, picture, score or choice for which there is no test of faithfulness."""


class TableError(AwcuError, ValueError):
    """A table.yaml, or records under it, from which no honest table can be made."""


class BackboneError(AwcuError, ValueError):
    """A backbone that timm does not know, that has no feature map, or whose weights do not fit."""


class ModelError(AwcuError, ValueError):
    """A saved model that is none, is damaged, or cannot be written where it should be."""


class BoxError(AwcuError, ValueError):
    """A box that is none, or annotations that belong to other crops."""


class MapError(AwcuError, ValueError):
    """A map, mask or cause map that cannot be judged."""


class PreparedError(AwcuError, ValueError):
    """Prepared photographs that cannot be made, read, or used for these ratings."""


class SourceError(AwcuError, ValueError):
    """A file of a data set that is missing or not as distributed."""


class RatingsError(AwcuError, ValueError):
    """Ratings that contradict themselves or the scale they were given on."""


class WeightingError(AwcuError, ValueError):
    """A weighting with an impossible parameter, or one that leaves nothing to train on."""


class SimulationError(AwcuError, ValueError):
    """A rater model with an impossible parameter."""


class ImageError(AwcuError, OSError):
    """A file that is no whole photograph, or an impossible way to prepare one."""


class PhotographsError(AwcuError, ValueError):
    """A file, folder or pattern in which there is no photograph."""


class ConfigurationError(AwcuError, ValueError):
    """A setting or an experiment that does not exist."""


class IdentityError(AwcuError, ValueError):
    """A folder that holds another run than the one asked for."""


class RecordError(AwcuError, ValueError):
    """A run record or a results.csv that contradicts itself or cannot be read."""


class NoRecordError(RecordError):
    """A folder in which no run has finished."""


class CropSetError(AwcuError, ValueError):
    """A cropping set that is not known, or whose boxes contradict themselves or their photographs."""


class GalleryError(AwcuError, ValueError):
    """A rendered picture that does not exist: a negative seed or index, or one too small to draw."""
