"""Data sets of the Hugging Face Hub, and Parquet files in the Hub's form: rows that hold a photograph and its ratings.

Format: an image column (bytes, or a struct of `bytes` and `path`), an id, and either a list of vote counts or a mean
score. The first read unpacks the photographs, byte for byte, into a folder of files; later ones open its table alone,
and the rows may be deleted. Other columns or another revision make another folder beside it. The package `datasets`
(Apache-2.0, the extra `awcu[hub-data]`) reads the rows, of a repository and of local Parquet files. Split: the Hub's,
where a part that is missing is hashed out of the training photographs; or a list of test ids.

Known faults: copies of AVA on the Hub draw splits of their own, so give the official list as `test_list`. A card's
licence covers what its author could license, which photographs of others are not.
"""

from awcu.datasets.huggingface.hub import download
from awcu.datasets.huggingface.reading import read

__all__ = ["download", "read"]
