"""What arrived, unchanged (docs/domain.md section 2): one stream a hub, up to what waits at its start, exactly once.

The stream's checkpoint says where each partition goes on; Delta's sink commits a batch once, however often it is tried.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from . import contracts
from .lake import Lake
from .sources import Source, quoted

APPEND_ONLY = {"delta.appendOnly": "true"}


def run(lake: Lake, dataset: str, hub: str, source: Source, run_id: str) -> None:
    table = f"bronze/{dataset}"
    lake.ensure(table, contracts.BRONZE, "ingestion_date", APPEND_ONLY)
    rows = to_rows(source.read(lake.spark, hub), run_id)
    query = (
        rows.writeStream.format("delta")
        .outputMode("append")
        .option("checkpointLocation", lake.path(f"_checkpoints/spark/{dataset}"))
        .trigger(availableNow=True)
        .queryName(f"bronze {dataset}")
        .start(lake.path(table))
    )
    query.awaitTermination()


def to_rows(events: DataFrame, run_id: str) -> DataFrame:
    # A decoder replaces what is no UTF-8; so what comes out as it went in was UTF-8.
    text = F.decode("body", "UTF-8")
    is_text = F.encode(text, "UTF-8") == F.col("body")
    return events.select(
        F.when(is_text, text).alias("body"),
        # Spark breaks base64 into lines, which RFC 4648 does not.
        F.when(~is_text, F.regexp_replace(F.base64("body"), "[\\r\\n]", "")).alias("body_base64"),
        _properties().alias("properties"),
        "partition_id",
        "sequence_number",
        "offset",
        "enqueued_at",
        "partition_key",
        F.current_timestamp().alias("ingested_at"),
        F.lit(run_id).alias("run_id"),
        F.to_date(F.current_timestamp()).alias("ingestion_date"),
    )


def _properties() -> Column:
    """The values are JSON texts already; the names become JSON strings, in code point order."""
    entries = F.array_sort(F.map_entries("properties"))
    members = F.transform(entries, lambda entry: F.concat(quoted(entry["key"]), F.lit(":"), entry["value"]))
    text = F.concat(F.lit("{"), F.array_join(members, ","), F.lit("}"))
    return F.when(F.size("properties") > 0, text)
