"""Makes the log fixtures beside it: what Spark writes, by hand, as small as can be. Needs pyarrow."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
TEXT_MAP = pa.map_(pa.string(), pa.string())
VECTOR = pa.struct([("storageType", pa.string()), ("pathOrInlineDv", pa.string()), ("offset", pa.int32())])

# The columns of a Spark 3.5 checkpoint with its nulls, parsed statistics and features that this table does not use.
CHECKPOINT = pa.schema(
    [
        ("txn", pa.struct([("appId", pa.string()), ("version", pa.int64()), ("lastUpdated", pa.int64())])),
        (
            "add",
            pa.struct(
                [
                    ("path", pa.string()),
                    ("partitionValues", TEXT_MAP),
                    ("size", pa.int64()),
                    ("modificationTime", pa.int64()),
                    ("dataChange", pa.bool_()),
                    ("tags", TEXT_MAP),
                    ("deletionVector", VECTOR),
                    ("baseRowId", pa.int64()),
                    ("clusteringProvider", pa.string()),
                    ("stats", pa.string()),
                    ("stats_parsed", pa.struct([("numRecords", pa.int64())])),
                ]
            ),
        ),
        (
            "remove",
            pa.struct(
                [
                    ("path", pa.string()),
                    ("deletionTimestamp", pa.int64()),
                    ("dataChange", pa.bool_()),
                    ("extendedFileMetadata", pa.bool_()),
                    ("partitionValues", TEXT_MAP),
                    ("size", pa.int64()),
                    ("deletionVector", VECTOR),
                ]
            ),
        ),
        (
            "metaData",
            pa.struct(
                [
                    ("id", pa.string()),
                    ("name", pa.string()),
                    ("description", pa.string()),
                    ("format", pa.struct([("provider", pa.string()), ("options", TEXT_MAP)])),
                    ("schemaString", pa.string()),
                    ("partitionColumns", pa.list_(pa.string())),
                    ("configuration", TEXT_MAP),
                    ("createdTime", pa.int64()),
                ]
            ),
        ),
        (
            "protocol",
            pa.struct(
                [
                    ("minReaderVersion", pa.int32()),
                    ("minWriterVersion", pa.int32()),
                    ("readerFeatures", pa.list_(pa.string())),
                    ("writerFeatures", pa.list_(pa.string())),
                ]
            ),
        ),
        ("domainMetadata", pa.struct([("domain", pa.string()), ("configuration", pa.string())])),
    ]
)


def metadata(columns: dict[str, str], partition: list[str]) -> dict:
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in columns.items()]
    return {
        "id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": partition,
        "configuration": {},
        "createdTime": 1767225600000,
    }


def add(path: str, values: dict[str, str | None]) -> dict:
    return {
        "path": path,
        "partitionValues": values,
        "size": 450,
        "modificationTime": 1767225600000,
        "dataChange": True,
        "stats": '{"numRecords":1}',
    }


def write_entry(folder: Path, version: int, actions: list[dict]) -> None:
    lines = [json.dumps(action, ensure_ascii=False) + "\n" for action in actions]
    (folder / f"{version:020}.json").write_text("".join(lines), encoding="utf-8")


def finish(folder: Path) -> None:
    names = sorted(file.name for file in folder.iterdir() if file.name != "files.json")
    (folder / "files.json").write_text(json.dumps(names, indent=2) + "\n")


def spark_checkpoint() -> None:
    folder = HERE / "spark-checkpoint"
    folder.mkdir(exist_ok=True)
    columns = {"id": "long", "day": "date", "amount": "decimal(18,2)"}
    first = "day=2026-01-01/part-00000-a.c000.snappy.parquet"
    rows = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {"metaData": metadata(columns, ["day"])},
        {"txn": {"appId": "stream-1", "version": 11, "lastUpdated": 1767225600000}},
        {"add": add(first, {"day": "2026-01-01"}) | {"stats_parsed": {"numRecords": 1}}},
        {"add": add("part-00001.parquet", {"day": "2026-01-02"})},
        {"remove": {"path": "part-gone.parquet", "deletionTimestamp": 1767225600000, "dataChange": False}},
    ]
    for row in rows:
        for struct in row.values():
            for name in ("partitionValues", "configuration"):
                if name in struct:
                    struct[name] = list(struct[name].items())
            if "format" in struct:
                struct["format"]["options"] = []
    table = pa.Table.from_pylist(rows, CHECKPOINT)
    pq.write_table(table, folder / f"{10:020}.checkpoint.parquet", compression="snappy")
    pointer = {"version": 10, "size": len(rows), "sizeInBytes": 1, "numOfAddFiles": 2, "checksum": "x"}
    (folder / "_last_checkpoint").write_text(json.dumps(pointer))
    write_entry(folder, 10, [{"commitInfo": {"operation": "WRITE"}}])
    write_entry(
        folder,
        11,
        [
            {"commitInfo": {"timestamp": 1767225600000, "operation": "DELETE", "operationParameters": {}}},
            {"txn": {"appId": "stream-1", "version": 12}},
            {"remove": {"path": "part-00001.parquet", "deletionTimestamp": 1767225600001, "dataChange": True}},
            {"add": add("part-00002.parquet", {"day": None})},
        ],
    )
    finish(folder)


def escaped_paths() -> None:
    folder = HERE / "escaped-paths"
    folder.mkdir(exist_ok=True)
    protocol = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
    write_entry(folder, 0, [protocol, {"metaData": metadata({"id": "long", "label": "string"}, ["label"])}])
    values = {"label": "a b/ü"}
    encoded = "label=a%2520b%252F%C3%BC/part-"
    write_entry(folder, 1, [{"add": add(f"{encoded}{part}.parquet", values)} for part in (0, 1)])
    # The same file, with a letter that this writer leaves as it is.
    write_entry(folder, 2, [{"remove": {"path": "label=a%2520b%252Fü/part-0.parquet", "dataChange": True}}])
    finish(folder)


spark_checkpoint()
escaped_paths()
pq.write_table(pa.table({"add": pa.array(["x"]), "n": pa.array([1])}), HERE / "no-checkpoint.parquet")
