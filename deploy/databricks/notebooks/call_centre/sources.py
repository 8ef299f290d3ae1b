"""Where bronze comes from, behind one parameter. Every source gives the same columns:

body BINARY, properties MAP<STRING, STRING> (values are JSON texts), partition_id INT, sequence_number BIGINT,
offset STRING, enqueued_at TIMESTAMP, partition_key STRING.
"""

import json
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

RECORDED = (
    "body STRING, properties MAP<STRING, STRING>, partition INT, sequenceNumber BIGINT, offset STRING, "
    "enqueuedTime TIMESTAMP, partitionKey STRING"
)

JSON = r"\A(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null)\z"


@dataclass(frozen=True)
class Source:
    kind: str  # eventhubs, kafka, files
    connection: str = ""  # eventhubs: a connection string; kafka: NAMESPACE.servicebus.windows.net; files: a folder
    consumer_group: str = "$Default"
    events_max: int = 100_000_000  # a run: the connector's trigger has one batch, which must hold all that waits
    options: dict[str, str] = field(default_factory=dict)
    # Of a stream without a checkpoint: hub, partition, first sequence number. None: the earliest event.
    starting_at: dict[str, dict[str, int]] | None = None

    def read(self, spark: SparkSession, hub: str) -> DataFrame:
        return {"eventhubs": _eventhubs, "kafka": _kafka, "files": _files}[self.kind](self, spark, hub)


def _eventhubs(source: Source, spark: SparkSession, hub: str) -> DataFrame:
    """The connector. A text property comes as it is, others as JSON: a text that looks like one is taken for it."""
    utils = spark.sparkContext._jvm.org.apache.spark.eventhubs.EventHubsUtils
    start = '{"offset": "-1", "seqNo": -1, "enqueuedTime": null, "isInclusive": true}'
    options = {
        "eventhubs.connectionString": utils.encrypt(f"{source.connection};EntityPath={hub}"),
        "eventhubs.consumerGroup": source.consumer_group,
        "eventhubs.startingPosition": start,
        "maxEventsPerTrigger": str(source.events_max),
        **source.options,
    }
    if source.starting_at is not None:
        positions = {
            json.dumps({"ehName": hub, "partitionId": int(partition)}): {
                "offset": None,
                "seqNo": first,
                "enqueuedTime": None,
                "isInclusive": True,
            }
            for partition, first in source.starting_at[hub].items()
        }
        options["eventhubs.startingPositions"] = json.dumps(positions)
    events = spark.readStream.format("eventhubs").options(**options).load()
    return events.select(
        "body",
        F.transform_values(
            "properties", lambda _, value: F.when(value.rlike(JSON), value).otherwise(quoted(value))
        ).alias("properties"),
        F.col("partition").cast("int").alias("partition_id"),
        F.col("sequenceNumber").alias("sequence_number"),
        "offset",
        F.col("enqueuedTime").alias("enqueued_at"),
        F.col("partitionKey").alias("partition_key"),
    )


def quoted(text: Column) -> Column:
    """A text as a JSON string: that of an array of it alone, less the brackets."""
    return F.regexp_extract(F.to_json(F.array(text)), r"\A\[([\s\S]*)\]\z", 1)


def _kafka(source: Source, spark: SparkSession, hub: str) -> DataFrame:
    """The Kafka endpoint of Event Hubs: an offset there is the event's sequence number, the key its partition key."""
    options = {
        "kafka.bootstrap.servers": f"{source.connection}:9093",
        "kafka.security.protocol": "SASL_SSL",
        "kafka.group.id": source.consumer_group,
        "subscribe": hub,
        "startingOffsets": "earliest" if source.starting_at is None else json.dumps({hub: source.starting_at[hub]}),
        "includeHeaders": "true",
        **source.options,
    }
    events = spark.readStream.format("kafka").options(**options).load()
    text = "to_json(named_struct('v', CAST(header.value AS STRING)))"
    value = f"substring({text}, 6, length({text}) - 6)"
    return events.selectExpr(
        "coalesce(value, X'') AS body",
        f"map_from_entries(transform(headers, header -> struct(header.key, {value}))) AS properties",
        "partition AS partition_id",
        "offset AS sequence_number",
        "CAST(offset AS STRING) AS offset",
        "timestamp AS enqueued_at",
        "CAST(key AS STRING) AS partition_key",
    )


def _files(source: Source, spark: SparkSession, hub: str) -> DataFrame:
    """Recorded events, a JSON object a line under the connector's names; the body in base64."""
    events = spark.readStream.schema(RECORDED).json(f"{source.connection}/{hub}")
    return events.selectExpr(
        "unbase64(body) AS body",
        "properties",
        "partition AS partition_id",
        "sequenceNumber AS sequence_number",
        "offset",
        "enqueuedTime AS enqueued_at",
        "partitionKey AS partition_key",
    )
