"""What Spark has no public call for: the `txn` of a table, and the files between two of its versions.

A step stores in the target's own commit which version of its source it has applied (`txn`: an appId and a version). The
change feed would tell the rows between two versions too, but raises the tables beyond writer version 2, where other
engines stop reading them.
"""

from contextlib import contextmanager
from urllib.parse import unquote

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .lake import Lake

ACTIONS = (
    "txn STRUCT<appId: STRING, version: BIGINT>, add STRUCT<path: STRING, dataChange: BOOLEAN>, "
    "remove STRUCT<path: STRING, dataChange: BOOLEAN>"
)
TXN_APP_ID, TXN_VERSION = "spark.databricks.delta.write.txnAppId", "spark.databricks.delta.write.txnVersion"


def transactions(lake: Lake, table: str) -> dict[str, int]:
    """The last version of each appId, from the log checkpoint and the entries after it."""
    log = f"{lake.path(table)}/_delta_log"
    found = (
        _entries(lake, table).where("txn IS NOT NULL").selectExpr("at", "txn.appId AS app_id", "txn.version AS version")
    )
    checkpoint = _last_checkpoint(lake, log)
    if checkpoint is not None:
        name = f"{checkpoint:020d}.checkpoint"
        kept = lake.spark.read.schema(ACTIONS).parquet(f"{log}/{name}*.parquet").where("txn IS NOT NULL")
        older = kept.selectExpr(f"{checkpoint}L AS at", "txn.appId AS app_id", "txn.version AS version")
        found = found.where(F.col("at") > checkpoint).unionByName(older)
    last = found.groupBy("app_id").agg(F.max_by("version", "at").alias("version"))
    return {row.app_id: row.version for row in last.collect()}


def added_files(lake: Lake, table: str, after: int, up_to: int) -> list[str]:
    """Paths of the files that the versions added, even if compacted since."""
    return [path for at, path, is_add in _changes(lake, table, after, up_to) if is_add]


def changed_files(lake: Lake, table: str, after: int, up_to: int) -> tuple[list[str], list[str]]:
    """Paths of the files that came, and of those that went. One that came and went again is in neither."""
    first: dict[str, bool] = {}
    last: dict[str, bool] = {}
    for _, path, is_add in _changes(lake, table, after, up_to):
        first.setdefault(path, is_add)
        last[path] = is_add
    came = [path for path, is_add in last.items() if is_add and first[path]]
    went = [path for path, is_add in last.items() if not is_add and not first[path]]
    return came, went


@contextmanager
def stamped(lake: Lake, app_id: str, version: int):
    """Whatever DML runs inside carries this `txn`; where the table has it already, Delta leaves the table alone."""
    conf = lake.spark.conf
    conf.set(TXN_APP_ID, app_id)
    conf.set(TXN_VERSION, str(version))
    try:
        yield
    finally:
        conf.unset(TXN_APP_ID)
        conf.unset(TXN_VERSION)


def move(lake: Lake, table: str, app_id: str, version: int) -> None:
    """Moves a `txn` alone, by an append of no row."""
    empty = lake.read(table).limit(0)
    writer = empty.write.format("delta").mode("append").option("txnAppId", app_id).option("txnVersion", version)
    writer.save(lake.path(table))


def _changes(lake: Lake, table: str, after: int, up_to: int) -> list[tuple[int, str, bool]]:
    entries = _entries(lake, table).where((F.col("at") > after) & (F.col("at") <= up_to))
    changes = entries.selectExpr(
        "at",
        "coalesce(add.path, remove.path) AS path",
        "add IS NOT NULL AS is_add",
        "coalesce(add.dataChange, remove.dataChange, false) AS changes",
    ).collect()
    if {row.at for row in changes} != set(range(after + 1, up_to + 1)):
        raise RuntimeError(f"{lake.path(table)}: log entries between {after} and {up_to} are gone; rebuild the target")
    found = [(row.at, row.path, row.is_add) for row in changes if row.path is not None and row.changes]
    # Within one commit the order of lines means nothing: what goes, goes first.
    return [
        (at, _absolute(lake, table, path), is_add)
        for at, path, is_add in sorted(found, key=lambda row: (row[0], row[2]))
    ]


def _absolute(lake: Lake, table: str, path: str) -> str:
    return path if "://" in path else f"{lake.path(table)}/{unquote(path)}"


def _entries(lake: Lake, table: str) -> DataFrame:
    entries = lake.spark.read.schema(ACTIONS).json(f"{lake.path(table)}/_delta_log/{'[0-9]' * 20}.json")
    return entries.withColumn("at", F.substring(F.col("_metadata.file_name"), 1, 20).cast("bigint"))


def _last_checkpoint(lake: Lake, log: str) -> int | None:
    """By the names of the checkpoints: Spark reads no file whose name begins as that of `_last_checkpoint` does."""
    try:
        files = lake.spark.read.format("binaryFile").load(f"{log}/{'[0-9]' * 20}.checkpoint*.parquet")
    except AnalysisException:  # None at all: the table is young.
        return None
    name = F.regexp_extract("path", "([0-9]{20})[^/]*$", 1)
    return files.select(name.cast("bigint").alias("version")).agg(F.max("version")).first()[0]
