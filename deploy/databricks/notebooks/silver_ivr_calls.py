# Databricks notebook source
# MAGIC %md
# MAGIC # Silver: IVR calls
# MAGIC One row a call: judged, deduplicated, corrected by later versions.

# COMMAND ----------

try:
    dbutils
except NameError:  # Not on Databricks: a small stand-in gives both.
    from call_centre.local_runtime import dbutils, spark

# COMMAND ----------

from call_centre import contracts, parameters, silver

silver.run(parameters.lake(spark, dbutils), contracts.DATASETS["ivr_calls"])
