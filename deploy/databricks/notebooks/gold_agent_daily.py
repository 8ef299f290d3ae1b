# Databricks notebook source
# MAGIC %md
# MAGIC # Gold: agents by day
# MAGIC One row a day and agent; the days that changes touch are rebuilt, no others.

# COMMAND ----------

try:
    dbutils
except NameError:  # Not on Databricks: a small stand-in gives both.
    from call_centre.local_runtime import dbutils, spark

# COMMAND ----------

from call_centre import gold, parameters

gold.run(parameters.lake(spark, dbutils), "agent_daily")
