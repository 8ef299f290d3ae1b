"""Stands in for what Databricks gives a notebook: `spark` and `dbutils`. Widgets and secrets come from the environment:
a widget `lake` from LAKE, a secret `connection` of any scope from SECRET_CONNECTION."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

from pyspark.sql import SparkSession


class Widgets:
    def __init__(self) -> None:
        self.defaults: dict[str, str] = {}

    def text(self, name: str, default: str, label: str = "") -> None:
        self.defaults[name] = default

    def get(self, name: str) -> str:
        return os.environ.get(name.upper(), self.defaults[name])


class Secrets:
    def get(self, scope: str, key: str) -> str:
        return os.environ[f"SECRET_{key.upper().replace('-', '_')}"]


def leave(value: str = "") -> None:
    print(value, file=sys.stderr)


dbutils = SimpleNamespace(widgets=Widgets(), secrets=Secrets(), notebook=SimpleNamespace(exit=leave))


def open_spark() -> SparkSession:
    """Two cores of this machine; the jars are given, so that nothing is fetched."""
    jars = ",".join(str(jar) for jar in sorted(Path(os.environ["SPARK_JARS"]).glob("*.jar")))
    trusted = os.environ.get("SPARK_TRUST_STORE")
    store = f"-Djavax.net.ssl.trustStore={trusted} -Djavax.net.ssl.trustStoreType=PKCS12"
    # Without its word Java finds a store of this type empty.
    java = f"{store} -Djavax.net.ssl.trustStorePassword=changeit" if trusted else ""
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jars)
        .config("spark.driver.memory", os.environ.get("SPARK_MEMORY", "3g"))
        .config("spark.driver.extraJavaOptions", java)
        .config("spark.driver.host", "localhost")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", os.environ.get("SPARK_SHUFFLE_PARTITIONS", "4"))
        .config("spark.databricks.delta.snapshotPartitions", "2")
        .config("spark.sql.warehouse.dir", os.environ.get("SPARK_WAREHOUSE", "/tmp/sluice-spark-warehouse"))
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )


spark = open_spark()
spark.sparkContext.setLogLevel(os.environ.get("SPARK_LOG_LEVEL", "ERROR"))
