"""The notebooks: what is stored in them, and that they still run, each from nothing."""

import re
import shutil
import warnings
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 1_500_000  # bytes
PLACE = re.compile(r"(?<![\w.:/~<-])/\w[\w.-]*/\w")  # an absolute path, of two folders or more

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]


def texts(output: NotebookNode) -> list[str]:
    """All that an output says in words, not its pictures."""
    data = output.get("data", {})
    return [output.get("text", ""), *(str(value) for kind, value in data.items() if not kind.startswith("image/"))]


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_quickstart", "02_weightings", "03_maps_and_crops"]


@each
class TestStored:
    def test_is_valid_and_small(self, path: Path) -> None:
        notebook = read(path)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "python3"
        assert path.stat().st_size < LARGEST

    def test_holds_the_outputs_of_one_run_from_top_to_bottom(self, path: Path) -> None:
        notebook = read(path)
        counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
        assert counts == list(range(1, len(counts) + 1))
        kinds = {kind for output in outputs(notebook) for kind in output.get("data", {})}
        assert kinds & {"image/png", "image/jpeg"}

    def test_holds_no_error_and_no_warning(self, path: Path) -> None:
        for output in outputs(read(path)):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text

    def test_names_no_place_on_a_machine_and_no_time(self, path: Path) -> None:
        notebook = read(path)
        found = [text for output in outputs(notebook) for text in texts(output)]
        for text in [*found, *(cell.source for cell in notebook.cells)]:
            assert not PLACE.search(text), text
        assert set(notebook.metadata) <= {"kernelspec", "language_info"}
        assert all("execution" not in cell.metadata for cell in notebook.cells)

    def test_its_links_lead_somewhere(self, path: Path) -> None:
        source = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", source):
            assert (path.parent / link).exists(), link


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two minutes on idle cores, without the pictures of the one before
@each
def test_runs_from_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy, in an empty folder and with an empty cache, ends without an error and leaves the original alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    before = sorted((ROOT / "notebooks").rglob("*"))
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    notebook = read(copy)
    with warnings.catch_warnings():
        # pyzmq's and Jupyter's own, of event loops and sockets; an error in a cell is an exception, not a warning.
        for module in (r"zmq\.", r"jupyter_client\.", r"nbclient\.", r"asyncio\.", r"traitlets\."):
            warnings.filterwarnings("ignore", module=module)
        from nbclient import NotebookClient

        where = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=1500, kernel_name="python3", record_timing=False, resources=where).execute()
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert sorted((ROOT / "notebooks").rglob("*")) == before
