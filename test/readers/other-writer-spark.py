"""Spark with Delta as another writer of one bronze table: an order a line on stdin as JSON, an answer a line on stdout.

Usage: other-writer-spark.py TABLE_FOLDER JARS_FOLDER
"""

import json
import os
import sys
from datetime import date, datetime, timezone
from pathlib import Path

from pyspark.sql import SparkSession

PARTITION = 91
SCHEMA = (
    "body STRING, body_base64 STRING, properties STRING, partition_id INT, sequence_number BIGINT, offset STRING, "
    "enqueued_at TIMESTAMP, partition_key STRING, ingested_at TIMESTAMP, run_id STRING, ingestion_date DATE"
)


def open_spark(jars: str) -> SparkSession:
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.jars", ",".join(str(jar) for jar in Path(jars).glob("*.jar")))
        .config("spark.driver.memory", "1g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.databricks.delta.snapshotPartitions", "1")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    return session


def append(spark: SparkSession, table: str, first: int, count: int) -> None:
    now = datetime.now(timezone.utc)
    rows = [
        (f"spark {number}", None, None, PARTITION, number, None, now, None, now, "spark", date(2026, 1, 6))
        for number in range(first, first + count)
    ]
    spark.createDataFrame(rows, SCHEMA).coalesce(1).write.format("delta").mode("append").save(table)


def read(spark: SparkSession, table: str) -> dict:
    numbers: dict = {}
    for row in spark.read.format("delta").load(table).select("partition_id", "sequence_number").collect():
        numbers.setdefault(str(row.partition_id), []).append(row.sequence_number)
    return {partition: sorted(found) for partition, found in numbers.items()}


def do(spark: SparkSession, table: str, order: dict) -> object:
    match order["do"]:
        case "append":
            append(spark, table, order["first"], order["count"])
        case "compact":
            spark.sql(f"OPTIMIZE delta.`{table}`").collect()
        case "vacuum":
            spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
            spark.sql(f"VACUUM delta.`{table}` RETAIN 0 HOURS").collect()
        case "read":
            return read(spark, table)
        case "upgrade":
            spark.sql(f"ALTER TABLE delta.`{table}` SET TBLPROPERTIES ('{order['property']}' = '{order['value']}')")
        case "protocol":
            (detail,) = spark.sql(f"DESCRIBE DETAIL delta.`{table}`").collect()
            return [detail.minReaderVersion, detail.minWriterVersion]
        case unknown:
            raise ValueError(f"no such order: {unknown}")
    return None


def main() -> None:
    # Spark itself prints to standard output, which is for answers only.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spark = open_spark(sys.argv[2])
    print(json.dumps({"ready": spark.version}), flush=True, file=answers)
    for line in sys.stdin:
        try:
            answer = do(spark, sys.argv[1], json.loads(line))
            print(json.dumps({"answer": answer}, default=str), flush=True, file=answers)
        except Exception as error:  # The driver decides what a refusal means.
            reason = f"{type(error).__name__}: {str(error)[:400]}"
            print(json.dumps({"error": reason}), flush=True, file=answers)
    spark.stop()


main()
