"""Runs notebooks one after the other in one Spark session, as a job's tasks would. A line of JSON on stdout for each,
and a last one that says what Spark's process has used.

Usage: run_notebooks.py NAME… (with the notebooks' parameters in the environment, see call_centre/local_runtime.py)
"""

import json
import os
import resource
import runpy
import sys
import time
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def main(names: list[str]) -> None:
    # Spark's launcher prints to standard output, which is for answers only.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, str(NOTEBOOKS))
    start = time.monotonic()
    from call_centre.local_runtime import spark

    print(json.dumps({"notebook": "start", "seconds": time.monotonic() - start}), file=answers, flush=True)
    for name in names:
        start = time.monotonic()
        runpy.run_path(str(NOTEBOOKS / f"{name}.py"), run_name="__main__")
        print(json.dumps({"notebook": name, "seconds": time.monotonic() - start}), file=answers, flush=True)
    print(json.dumps({"notebook": "end", "seconds": 0} | _end(spark)), file=answers, flush=True)


def _end(spark) -> dict:
    """Ends Spark's process, and gives the CPU seconds of both processes and the peak of the larger one."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()
    own, java = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + java.ru_utime + java.ru_stime
    return {"cpu_seconds": cpu, "peak_rss_mib": max(own.ru_maxrss, java.ru_maxrss) / 1024}


main(sys.argv[1:])
