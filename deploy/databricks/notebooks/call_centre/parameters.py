"""The notebooks' parameters: job parameters on Databricks, environment variables elsewhere."""

import json
from datetime import datetime, timezone

from pyspark.sql import SparkSession

from .lake import Lake, configure
from .sources import Source


def lake(spark: SparkSession, dbutils) -> Lake:
    return Lake(
        configure(spark),
        _text(dbutils, "lake"),
        _text(dbutils, "time_zone", "America/Sao_Paulo"),
        _text(dbutils, "catalog"),
    )


def source(dbutils) -> Source:
    """The connection is a secret for eventhubs and kafka, a folder for files."""
    kind = _text(dbutils, "source", "eventhubs")
    group = _text(dbutils, "consumer_group", "$Default")
    if kind == "files":
        return Source(kind, _text(dbutils, "recording"))
    starting_at = json.loads(_text(dbutils, "starting_at") or "null")
    scope = _text(dbutils, "secret_scope", "sluice")
    if kind == "eventhubs":
        connection = dbutils.secrets.get(scope=scope, key="eventhubs-connection")
        return Source(kind, connection, group, starting_at=starting_at)
    tenant, client, secret = (
        dbutils.secrets.get(scope=scope, key=key) for key in ("tenant-id", "client-id", "client-secret")
    )
    namespace = _text(dbutils, "namespace")
    options = _entra(namespace, tenant, client, secret)
    return Source(kind, namespace, group, options=options, starting_at=starting_at)


def hubs(dbutils, datasets: list[str]) -> dict[str, str]:
    """Hub of each dataset: its own name, or another by `dataset=hub,…`; `dataset=` leaves it out."""
    given = dict(pair.split("=", 1) for pair in _text(dbutils, "hubs").split(",") if pair)
    return {dataset: given.get(dataset, dataset) for dataset in datasets if given.get(dataset) != ""}


def run_id(dbutils) -> str:
    return _text(dbutils, "run_id") or datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ-spark")


def dimension_file(dbutils, name: str) -> str | None:
    return _text(dbutils, name) or None


def _text(dbutils, name: str, default: str = "") -> str:
    dbutils.widgets.text(name, default)
    return dbutils.widgets.get(name)


def _entra(namespace: str, tenant: str, client: str, secret: str) -> dict[str, str]:
    """OAuth of the service principal, by the classes that Databricks ships shaded."""
    login = "kafkashaded.org.apache.kafka.common.security.oauthbearer"
    return {
        "kafka.sasl.mechanism": "OAUTHBEARER",
        "kafka.sasl.jaas.config": (
            f"{login}.OAuthBearerLoginModule required clientId='{client}' clientSecret='{secret}' "
            f"scope='https://{namespace}/.default';"
        ),
        "kafka.sasl.oauthbearer.token.endpoint.url": f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "kafka.sasl.login.callback.handler.class": f"{login}.secured.OAuthBearerLoginCallbackHandler",
    }
