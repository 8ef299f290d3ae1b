"""One row a key, and the rejected events (docs/domain.md section 3).

Each of the two tables keeps in its own commit how far it has come in bronze; a step that was done, by this notebook or
by Sluice, is not done again.
"""

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from . import contracts, delta_log
from .contracts import Dataset
from .judge import judge
from .lake import Lake

REJECTED = "silver/rejected_events"


def ensure(lake: Lake, dataset: Dataset) -> None:
    properties = {"sluice.timeZone": lake.time_zone}
    lake.ensure(f"silver/{dataset.name}", dataset.schema, dataset.day, properties)
    lake.ensure(REJECTED, contracts.REJECTED)


def run(lake: Lake, dataset: Dataset) -> None:
    """Brings the silver table and the rejected events up to the newest version of bronze."""
    ensure(lake, dataset)
    table, bronze = f"silver/{dataset.name}", f"bronze/{dataset.name}"
    app_id = f"sluice/silver/{dataset.name}/{lake.table_id(bronze)}"
    to = lake.version(bronze)
    done = {name: delta_log.transactions(lake, name).get(app_id, -1) for name in (REJECTED, table)}
    for after in sorted({version for version in done.values() if version < to}):
        behind = [name for name, version in done.items() if version == after]
        _apply(lake, dataset, behind, app_id, after, to)


def _apply(lake: Lake, dataset: Dataset, behind: list[str], app_id: str, after: int, to: int) -> None:
    judged = judge(_slice(lake, dataset, after, to), dataset)
    # Rejected first: who sees the silver row gone can see why.
    if REJECTED in behind:
        refused = judged.where("reason IS NOT NULL").select(F.lit(dataset.name).alias("dataset"), "*")
        columns = [column.split()[0] for column in contracts.REJECTED.split(", ")][:-1]
        rows = refused.select(*columns, F.current_timestamp().alias("rejected_at"))
        writer = rows.write.format("delta").mode("append").option("txnAppId", app_id).option("txnVersion", to)
        writer.save(lake.path(REJECTED))
    if f"silver/{dataset.name}" in behind:
        _merge(lake, dataset, judged, app_id, to)
    lake.spark.catalog.clearCache()


def _slice(lake: Lake, dataset: Dataset, after: int, to: int) -> DataFrame:
    """The bronze rows that the versions added: cost follows what is new, not what is there."""
    table = f"bronze/{dataset.name}"
    if after < 0:
        return lake.read(table, to)
    files = delta_log.added_files(lake, table, after, to)
    schema = lake.read(table).drop("ingestion_date").schema
    if not files:
        return lake.spark.createDataFrame([], schema)
    return lake.spark.read.schema(schema).parquet(*files)


def _merge(lake: Lake, dataset: Dataset, judged: DataFrame, app_id: str, to: int) -> None:
    path = lake.path(f"silver/{dataset.name}")
    arrived = judged.where("reason IS NULL").select("event.*", "enqueued_at", "partition_id", "sequence_number")
    # The legs of a call are derived together, so the call is what is merged.
    group = "call_id" if dataset.flags else None
    standing = lake.read(f"silver/{dataset.name}").select(*dataset.event_columns)
    touched = arrived.select(*([group] if group else dataset.key)).distinct()
    standing = standing.join(touched, on=touched.columns, how="left_semi")
    order = [F.desc("produced_at"), "enqueued_at", "partition_id", "sequence_number"]
    ranked = standing.unionByName(arrived.select(*dataset.event_columns)).withColumn(
        "rank", F.row_number().over(Window.partitionBy(*dataset.key).orderBy(*order))
    )
    fresh = _derive(ranked.where("rank = 1").drop("rank"), dataset, lake.time_zone)
    fresh = fresh.withColumn("loaded_at", F.current_timestamp()).select(*dataset.columns)
    same_key = " AND ".join(f"kept.{name} = fresh.{name}" for name in dataset.key)
    compared = [name for name in dataset.columns if name != "loaded_at"]
    differs = " OR ".join(f"NOT (kept.{name} <=> fresh.{name})" for name in compared)
    merge = DeltaTable.forPath(lake.spark, path).alias("kept").merge(fresh.alias("fresh"), same_key)
    with delta_log.stamped(lake, app_id, to):
        merge.whenMatchedUpdateAll(condition=differs).whenNotMatchedInsertAll().execute()
    # A merge that changes nothing may commit nothing: then the version is moved by itself.
    if delta_log.transactions(lake, f"silver/{dataset.name}").get(app_id, -1) < to:
        delta_log.move(lake, f"silver/{dataset.name}", app_id, to)


def _derive(events: DataFrame, dataset: Dataset, zone: str) -> DataFrame:
    day = F.to_date(F.from_utc_timestamp(dataset.starts, zone))
    rows = events.withColumn(dataset.day, day)
    if dataset.ends:
        rows = rows.withColumn("end_date", F.to_date(F.from_utc_timestamp(dataset.ends, zone)))
    rows = rows.withColumn("period", F.year(dataset.day) * 100 + F.month(dataset.day))
    if dataset.flags:
        legs = Window.partitionBy("call_id").orderBy("started_at", "ended_at", "leg_id")
        rows = rows.withColumn("is_transfer", F.lead("leg_id").over(legs).isNotNull()).withColumn(
            "is_improper_transfer", F.coalesce(F.lead("area").over(legs) == F.col("area"), F.lit(False))
        )
    return rows
