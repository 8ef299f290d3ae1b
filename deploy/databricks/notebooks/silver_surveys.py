# Databricks notebook source
# MAGIC %md
# MAGIC # Silver: surveys
# MAGIC One row a survey: judged, deduplicated, corrected by later versions.

# COMMAND ----------

try:
    dbutils
except NameError:  # Not on Databricks: a small stand-in gives both.
    from call_centre.local_runtime import dbutils, spark

# COMMAND ----------

from call_centre import contracts, parameters, silver

silver.run(parameters.lake(spark, dbutils), contracts.DATASETS["surveys"])
