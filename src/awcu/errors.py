"""Every error that awcu raises on purpose: what a user can mend, and says in one line how.

The command line prints an `AwcuError` as one line; any other exception is a bug and keeps its traceback.
"""


class AwcuError(Exception):
    """A fault that the user can mend; its text names the value, the rule and the next step."""


class PredictError(AwcuError, ValueError):
    """The output cannot be written as asked, or the device does not exist."""


class DemoError(AwcuError, ValueError):
    """The web page cannot be served as asked."""


class DashboardError(AwcuError, ValueError):
    """The W&B report cannot be built: there is no table, no login, or the package is missing."""


class LimitError(AwcuError, ValueError):
    """A limit of the web page would refuse every visitor."""


class SheetError(AwcuError, ValueError):
    """The sheet cannot be made as asked."""


class ReportError(AwcuError, ValueError):
    """The report cannot be made as asked."""


class FeatureError(AwcuError, ValueError):
    """The feature cache cannot be used, or the features cannot be computed."""


class ProbeError(AwcuError, ValueError):
    """A head has no optimum, or the numbers it is to be solved with are not valid."""


class PersonalError(AwcuError, ValueError):
    """One person's ratings give no head, or nothing can be said of it."""


class LadderError(AwcuError, ValueError):
    """The table has no ladder to draw."""


class ForestError(AwcuError, ValueError):
    """The table has no forest plot to draw."""


class TaskError(AwcuError, ValueError):
    """The task cannot be trained or tested as configured."""


class ResumeError(AwcuError, ValueError):
    """Training cannot continue from this checkpoint."""


class CropError(AwcuError, ValueError):
    """No crop has the shape or the contents asked for, or the evidence is not valid."""


class FaithfulnessError(AwcuError, ValueError):
    """The faithfulness of this map, picture, score or choice cannot be tested."""


class TableError(AwcuError, ValueError):
    """The table.yaml, or the records it asks for, cannot give an honest table."""


class BackboneError(AwcuError, ValueError):
    """timm does not know the backbone, it has no feature map, or its weights do not fit."""


class ModelError(AwcuError, ValueError):
    """The source is not a saved model, is damaged, or the model cannot be written where it should be."""


class BoxError(AwcuError, ValueError):
    """A box is empty or outside the photograph, or the annotations belong to other crops."""


class MapError(AwcuError, ValueError):
    """The map, mask or cause map cannot be evaluated."""


class PreparedError(AwcuError, ValueError):
    """The prepared photographs cannot be made, read, or used for these ratings."""


class SourceError(AwcuError, ValueError):
    """A file of a data set is missing or is not as distributed."""


class RatingsError(AwcuError, ValueError):
    """The ratings contradict themselves or their scale."""


class WeightingError(AwcuError, ValueError):
    """The weighting has an impossible parameter, or leaves nothing to train on."""


class ImageError(AwcuError, OSError):
    """The file is not a whole photograph, or cannot be transformed as asked."""


class XmpError(AwcuError, ValueError):
    """The XMP packet is damaged or not ours to change; its text follows the name of what holds it."""


class LabelError(AwcuError, ValueError):
    """The labels and their shares do not fit each other, or cannot be kept as asked."""


class SeriesError(AwcuError, ValueError):
    """The series cannot be found or kept as asked."""


class PhotographsError(AwcuError, ValueError):
    """The file, folder or pattern contains no photograph."""


class ConfigurationError(AwcuError, ValueError):
    """The setting or the experiment does not exist, or its value is not valid."""


class IdentityError(AwcuError, ValueError):
    """The folder holds another run than the one asked for."""


class RecordError(AwcuError, ValueError):
    """The run record or results.csv contradicts itself or cannot be read."""


class NoRecordError(RecordError):
    """No run has finished in the folder."""


class CropSetError(AwcuError, ValueError):
    """The cropping set is unknown, or its boxes contradict themselves or their photographs."""


class GalleryError(AwcuError, ValueError):
    """The rendered picture does not exist: its seed or index is negative, or it is too small to draw."""
