"""Agents and customers, replaced whole at each load (docs/domain.md section 1)."""

from pyspark.sql import functions as F

from . import contracts
from .lake import Lake


def run(lake: Lake, name: str, file: str | None) -> None:
    """Replaces the dimension by a Parquet file; without one it sees to it that the table is there."""
    key, schema = contracts.DIMENSIONS[name]
    lake.ensure(f"silver/{name}", schema)
    if file is None:
        return
    columns = [
        f"CAST({column.split()[0]} AS {column.split()[1]}) AS {column.split()[0]}" for column in schema.split(", ")
    ]
    rows = lake.spark.read.parquet(file).selectExpr(*columns)
    repeated = rows.groupBy(key).count().where(F.col("count") > 1).first()
    if repeated is not None or rows.where(F.col(key).isNull()).first() is not None:
        raise ValueError(f"{name}: {key} {repeated and repeated[key]} is null or there twice; nothing changes")
    rows.write.format("delta").mode("overwrite").save(lake.path(f"silver/{name}"))
