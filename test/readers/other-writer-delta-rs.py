"""delta-rs as another writer of one bronze table: an order a line on stdin as JSON, an answer a line on stdout.

Usage: other-writer-delta-rs.py TABLE_FOLDER
"""

import json
import sys
from datetime import date, datetime, timezone

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

PARTITION = 90
SCHEMA = pa.schema(
    [
        ("body", pa.string()),
        ("body_base64", pa.string()),
        ("properties", pa.string()),
        ("partition_id", pa.int32()),
        ("sequence_number", pa.int64()),
        ("offset", pa.string()),
        ("enqueued_at", pa.timestamp("us", tz="UTC")),
        ("partition_key", pa.string()),
        ("ingested_at", pa.timestamp("us", tz="UTC")),
        ("run_id", pa.string()),
        ("ingestion_date", pa.date32()),
    ]
)


def rows(first: int, count: int) -> pa.Table:
    now = datetime.now(timezone.utc)
    found = [
        {
            "body": f"delta-rs {number}",
            "partition_id": PARTITION,
            "sequence_number": number,
            "enqueued_at": now,
            "ingested_at": now,
            "run_id": "delta-rs",
            "ingestion_date": date(2026, 1, 5),
        }
        for number in range(first, first + count)
    ]
    return pa.Table.from_pylist(found, schema=SCHEMA)


def read(table: str) -> dict:
    found = DeltaTable(table).to_pyarrow_table(columns=["partition_id", "sequence_number"])
    pairs = list(zip(*(found.column(name).to_pylist() for name in found.column_names)))
    numbers: dict = {}
    for partition, number in pairs:
        numbers.setdefault(str(partition), []).append(number)
    return {partition: sorted(found) for partition, found in numbers.items()}


def do(table: str, order: dict) -> object:
    match order["do"]:
        case "append":
            write_deltalake(table, rows(order["first"], order["count"]), mode="append")
        case "compact":
            return DeltaTable(table).optimize.compact()
        case "vacuum":
            return len(
                DeltaTable(table).vacuum(
                    retention_hours=order.get("hours", 0),
                    dry_run=False,
                    enforce_retention_duration=False,
                    full=order.get("full", False),
                )
            )
        case "checkpoint":
            DeltaTable(table).create_checkpoint()
        case "retention":
            DeltaTable(table).alter.set_table_properties(
                {"delta.logRetentionDuration": "interval 0 seconds"}, raise_if_not_exists=False
            )
        case "clean log":
            DeltaTable(table).cleanup_metadata()
        case "read":
            return read(table)
        case "protocol":
            protocol = DeltaTable(table).protocol()
            return [protocol.min_reader_version, protocol.min_writer_version]
        case unknown:
            raise ValueError(f"no such order: {unknown}")
    return None


def main() -> None:
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            print(json.dumps({"answer": do(sys.argv[1], json.loads(line))}, default=str), flush=True)
        except Exception as error:  # The driver decides what a refusal means.
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)


main()
