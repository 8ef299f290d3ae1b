# Databricks notebook source
# MAGIC %md
# MAGIC # Bronze
# MAGIC Streams what waits in every hub into its bronze table, then ends.

# COMMAND ----------

try:
    dbutils
except NameError:  # Not on Databricks: a small stand-in gives both.
    from call_centre.local_runtime import dbutils, spark

# COMMAND ----------

from call_centre import bronze, contracts, parameters

lake = parameters.lake(spark, dbutils)
source = parameters.source(dbutils)
run_id = parameters.run_id(dbutils)
for dataset, hub in parameters.hubs(dbutils, list(contracts.DATASETS)).items():
    bronze.run(lake, dataset, hub, source, run_id)
