# Databricks notebook source
# MAGIC %md
# MAGIC # Dimensions
# MAGIC Replaces agents and customers whole, by Parquet files where they are given.

# COMMAND ----------

try:
    dbutils
except NameError:  # Not on Databricks: a small stand-in gives both.
    from call_centre.local_runtime import dbutils, spark

# COMMAND ----------

from call_centre import contracts, dimensions, parameters

lake = parameters.lake(spark, dbutils)
for name in contracts.DIMENSIONS:
    dimensions.run(lake, name, parameters.dimension_file(dbutils, name))
