"""Where tables are, and how they come to be. A table is named by its path; with a catalog it is also registered there,
so that people find it by name."""

from dataclasses import dataclass

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession

# Plain tables, as any reader takes them: no deletion vectors, no change feed, no column mapping.
PLAIN = {
    "delta.minReaderVersion": "1",
    "delta.minWriterVersion": "2",
    "delta.enableDeletionVectors": "false",
    "delta.enableChangeDataFeed": "false",
}


@dataclass(frozen=True)
class Lake:
    spark: SparkSession
    root: str  # abfss://…, a volume, or a folder
    time_zone: str
    catalog: str = ""  # Unity Catalog; empty: none

    def path(self, table: str) -> str:
        return f"{self.root.rstrip('/')}/{table}"

    def exists(self, table: str) -> bool:
        return DeltaTable.isDeltaTable(self.spark, self.path(table))

    def read(self, table: str, version: int | None = None) -> DataFrame:
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(self.path(table))

    def ensure(self, table: str, schema: str, day: str | None = None, properties: dict[str, str] | None = None) -> None:
        """Every table of a layer exists after the first run that reaches it, even empty."""
        if self.exists(table):
            return
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table))
        builder = builder.addColumns(self.spark.createDataFrame([], schema).schema)
        if day is not None:
            builder = builder.partitionedBy(day)
        for name, value in (PLAIN | (properties or {})).items():
            builder = builder.property(name, value)
        builder.execute()
        if self.catalog:
            layer, name = table.split("/")
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{self.catalog}`.`{layer}`")
            location = self.path(table)
            named = f"`{self.catalog}`.`{layer}`.`{name}`"
            self.spark.sql(f"CREATE TABLE IF NOT EXISTS {named} USING DELTA LOCATION '{location}'")

    def version(self, table: str) -> int:
        return DeltaTable.forPath(self.spark, self.path(table)).history(1).first()["version"]

    def table_id(self, table: str) -> str:
        return self.spark.sql(f"DESCRIBE DETAIL delta.`{self.path(table)}`").first()["id"]


def configure(spark: SparkSession) -> SparkSession:
    """What the results depend on: the session's zone, and casts that give null instead of an error."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.ansi.enabled", "false")
    return spark
