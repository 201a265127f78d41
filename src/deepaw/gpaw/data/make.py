"""All structures of a data set: what is there already is left, the rest calculated in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from deepaw.gpaw.data.calculation import Labels, calculate
from deepaw.gpaw.data.folder import DataFolder
from deepaw.gpaw.data.lock import lock_folder
from deepaw.gpaw.data.settings import DataSettings
from deepaw.gpaw.structures import NamedStructure
from deepaw.gpaw.tasks import Failure, TaskProgress, check_workers, run_tasks


def make_data(
    path: Path,
    structures: Sequence[NamedStructure],
    settings: DataSettings,
    workers: int,
    *,
    ray: bool = False,
    progress: Callable[[TaskProgress], None] | None = None,
) -> dict[str, str]:
    """Calculate the structures that the folder `path` lacks, and add each when it is finished.

    Returns reasons by the names of structures that failed, as in failures.txt. Raises InputError: as `DataFolder` does,
    or where another process writes into the folder.
    """
    check_workers(workers)
    with lock_folder(path):
        return _fill(DataFolder(path, settings), structures, settings, workers, ray, progress)


def _fill(
    folder: DataFolder,
    structures: Sequence[NamedStructure],
    settings: DataSettings,
    workers: int,
    ray: bool,
    progress: Callable[[TaskProgress], None] | None,
) -> dict[str, str]:
    waiting = [structure for structure in structures if not folder.has(structure.name, structure.atoms)]
    done = len(structures) - len(waiting)
    failures: dict[str, str] = {}
    folder.write_failures(failures)
    for index, result in run_tasks(partial(calculate, settings), waiting, workers, ray=ray):
        name = waiting[index].name
        done += 1
        if isinstance(result, Labels):
            folder.add(result)
        else:
            assert isinstance(result, Failure)
            failures[name] = result.reason
            folder.write_failures(failures)
        if progress is not None:
            progress(TaskProgress(name, failures.get(name), done, len(structures)))
    return failures
