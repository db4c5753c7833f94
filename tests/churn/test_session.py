"""Where Spark keeps what is temporary: in a folder of its process, of which nothing stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STARTED = """
import sys, time
from pathlib import Path
from churn import session
own = session._until_the_end(Path(sys.argv[1]))
(own / "blockmgr-1").mkdir()
print(own, flush=True)
sys.stdin.read()
"""


def test_the_folder_goes_with_its_process_or_with_the_next_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTED, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().strip())
        killed.kill()
    assert (left / "blockmgr-1").exists()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        own = Path(program.stdout.readline().strip())
        assert list(tmp_path.iterdir()) == [own]
        program.communicate("")
    assert program.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.spark
def test_spark_keeps_its_files_there(spark: SparkSession) -> None:
    folder = Path(spark.sparkContext.getConf().get("spark.local.dir") or "")
    assert folder.name.startswith("run-")
    assert list(folder.glob("blockmgr-*"))
    assert [path for path in folder.parent.iterdir() if path != folder] == []
