"""One row a day and agent, one row a day and queue (docs/domain.md section 4): only the days touched are rebuilt."""

from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from . import contracts, delta_log
from .lake import Lake

SOURCES = {
    "agent_daily": {"call_legs": "silver/call_legs", "surveys": "silver/surveys", "agents": "silver/agents"},
    "queue_daily": {"ivr_calls": "silver/ivr_calls", "call_legs": "silver/call_legs"},
}
DAY_SECONDS = 86_400


def run(lake: Lake, view: str) -> None:
    table = f"gold/{view}"
    lake.ensure(table, contracts.GOLD[view], "date")
    sources = SOURCES[view]
    pinned = {name: lake.version(path) for name, path in sources.items()}
    app_ids = {name: f"sluice/gold/{view}/{name}/{lake.table_id(path)}" for name, path in sources.items()}
    done = delta_log.transactions(lake, table)
    after = {name: done.get(app_ids[name]) for name in sources}
    pending = [name for name in sources if after[name] != pinned[name]]
    if not pending:
        return
    for name in sources:
        lake.read(sources[name], pinned[name]).createOrReplaceTempView(name)
    days = _touched(lake, view, sources, after, pinned)
    if days:
        _replace(lake, view, days, app_ids[pending[0]], pinned[pending[0]])
    # One `txn` a commit is all that Spark writes: the others follow. A crash before them costs work, not rows.
    done = delta_log.transactions(lake, table)
    for name in pending:
        if done.get(app_ids[name]) != pinned[name]:
            delta_log.move(lake, table, app_ids[name], pinned[name])


def _replace(lake: Lake, view: str, days: list[str], app_id: str, version: int) -> None:
    lake.spark.createDataFrame([(day,) for day in days], "day STRING").selectExpr(
        "CAST(day AS DATE) AS day"
    ).createOrReplaceTempView("days")
    columns = [column.split()[0] for column in contracts.GOLD[view].split(", ")]
    rows = lake.spark.sql(MODELS[view]).select(*columns)
    listed = ", ".join(f"DATE'{day}'" for day in days)
    writer = rows.write.format("delta").mode("overwrite").option("replaceWhere", f"date IN ({listed})")
    writer.option("txnAppId", app_id).option("txnVersion", version).save(lake.path(f"gold/{view}"))


def _touched(lake: Lake, view: str, sources: dict, after: dict, pinned: dict) -> list[str]:
    base = lake.spark.table("call_legs" if view == "agent_daily" else "ivr_calls")
    if any(version is None for version in after.values()):
        known = lake.read(f"gold/{view}").select(F.col("date").alias("day"))
        found = base.selectExpr("start_date AS day").union(known)
    else:
        parts = []
        for name, path in sources.items():
            if after[name] == pinned[name]:
                continue
            old, new = _changed_rows(lake, path, after[name], pinned[name])
            parts += _TOUCH[view, name](lake, after, old, new)
        found = reduce(DataFrame.union, parts)
    return sorted(str(row.day) for row in found.where("day IS NOT NULL").distinct().collect())


def _changed_rows(lake: Lake, path: str, after: int, up_to: int) -> tuple[DataFrame, DataFrame]:
    """Old and new versions of the rows that changed, from the files that went and came."""
    came, went = delta_log.changed_files(lake, path, after, up_to)
    whole = lake.read(path, up_to)
    columns = [name for name in whole.columns if name != "loaded_at"]

    def rows(version: int, files: list[str]) -> DataFrame:
        at = F.regexp_extract(F.col("_metadata.file_path"), "([^/]+)$", 1)
        names = [file.rsplit("/", 1)[-1] for file in files]
        return lake.read(path, version).where(at.isin(names)).select(*columns)

    old, new = rows(after, went), rows(up_to, came)
    return old.exceptAll(new), new.exceptAll(old)


def _own_days(_: Lake, __: dict, old: DataFrame, new: DataFrame) -> list[DataFrame]:
    return [rows.selectExpr("start_date AS day") for rows in (old, new)]


def _days_of_calls(in_table: str):
    def touch(lake: Lake, _: dict, old: DataFrame, new: DataFrame) -> list[DataFrame]:
        calls = old.select("call_id").union(new.select("call_id")).distinct()
        found = lake.spark.table(in_table).join(calls, on="call_id", how="left_semi")
        return [found.selectExpr("start_date AS day")]

    return touch


def _days_of_agents(lake: Lake, _: dict, old: DataFrame, new: DataFrame) -> list[DataFrame]:
    agents = old.select("agent_id").union(new.select("agent_id")).distinct()
    legs = lake.spark.table("call_legs").join(agents, on="agent_id", how="left_semi")
    return [legs.selectExpr("start_date AS day")]


def _days_of_legs(lake: Lake, after: dict, old: DataFrame, new: DataFrame) -> list[DataFrame]:
    """Their own days, those of all legs of their calls, and that of the leg before, in the old order and the new."""
    was = lake.read("silver/call_legs", after["call_legs"])
    before = [_leg_before(was, old), _leg_before(lake.spark.table("call_legs"), new)]
    return [*_own_days(lake, after, old, new), *_days_of_calls("call_legs")(lake, after, old, new), *before]


def _leg_before(legs: DataFrame, changed: DataFrame) -> DataFrame:
    customers = changed.select("customer_id").distinct()
    order = Window.partitionBy("customer_id").orderBy("started_at", "ended_at", "call_id", "leg_id")
    chain = legs.join(customers, on="customer_id", how="left_semi").select(
        "call_id",
        "leg_id",
        "started_at",
        F.lag("start_date").over(order).alias("day"),
        F.lag("started_at").over(order).alias("before"),
    )
    near = F.unix_micros("started_at") - F.unix_micros("before") <= DAY_SECONDS * 1_000_000
    return (
        chain.join(changed.select("call_id", "leg_id"), on=["call_id", "leg_id"], how="left_semi")
        .where(near)
        .select("day")
    )


_TOUCH = {
    ("agent_daily", "call_legs"): _days_of_legs,
    ("agent_daily", "surveys"): _days_of_calls("call_legs"),
    ("agent_daily", "agents"): _days_of_agents,
    ("queue_daily", "ivr_calls"): _own_days,
    ("queue_daily", "call_legs"): _days_of_calls("ivr_calls"),
}


def ratio(a: str, b: str) -> str:
    """a / b to two places, exact and rounded once, half away from zero; null where b is 0. Whole numbers throughout."""
    a, b = f"CAST({a} AS DECIMAL(32,0))", f"CAST({b} AS DECIMAL(28,0))"
    cents = f"sign({a}) * ((200 * abs({a}) + {b}) div (2 * {b}))"
    return f"CASE WHEN {b} > 0 THEN CAST(CAST({cents} AS DECIMAL(18,0)) * 0.01BD AS DECIMAL(18,2)) END"


MICROS = "CAST(unix_micros(ended_at) - unix_micros(started_at) AS DECIMAL(20,0))"

AGENT_DAILY = f"""
WITH followed AS (
  SELECT *,
    lead(call_id) OVER of_customer AS next_call_id,
    lead(started_at) OVER of_customer AS next_started_at
  FROM call_legs
  WHERE customer_id IN (SELECT customer_id FROM call_legs WHERE start_date IN (SELECT day FROM days))
  WINDOW of_customer AS (PARTITION BY customer_id ORDER BY started_at, ended_at, call_id, leg_id)
),
latest_survey AS (
  SELECT call_id, score FROM (
    SELECT call_id, score, row_number() OVER (PARTITION BY call_id ORDER BY sent_at DESC, survey_id DESC) AS place
    FROM surveys
  ) WHERE place = 1
),
totals AS (
  SELECT
    start_date AS date,
    agent_id,
    count(*) AS handled_legs,
    count_if(is_transfer) AS transfers,
    count_if(is_improper_transfer) AS improper_transfers,
    count_if(
      next_call_id <> call_id
      AND unix_micros(next_started_at) - unix_micros(started_at) <= {DAY_SECONDS} * 1000000L
    ) AS repeat_calls,
    sum({MICROS}) AS handle_us,
    count_if(score >= 6) AS promoters,
    count_if(score = 5) AS neutrals,
    count_if(score <= 4) AS detractors
  FROM followed LEFT JOIN latest_survey USING (call_id)
  WHERE start_date IN (SELECT day FROM days)
  GROUP BY start_date, agent_id
)
SELECT
  year(date) * 100 + month(date) AS period,
  date,
  agent_id,
  agent_name,
  area AS agent_area,
  supervisor_name,
  coordinator_name,
  manager_name,
  superintendent_name,
  handled_legs,
  transfers,
  {ratio("100 * transfers", "handled_legs")} AS transfer_pct,
  improper_transfers,
  {ratio("100 * improper_transfers", "handled_legs")} AS improper_transfer_pct,
  repeat_calls,
  {ratio("100 * repeat_calls", "handled_legs")} AS repeat_call_pct,
  {ratio("handle_us", "1000000 * handled_legs")} AS average_handle_seconds,
  promoters,
  neutrals,
  detractors,
  {ratio("100 * (promoters - detractors)", "promoters + neutrals + detractors")} AS nps
FROM totals LEFT JOIN agents USING (agent_id)
"""

QUEUE_DAILY = f"""
WITH legs_of_call AS (
  SELECT
    call_id,
    count(*) AS legs,
    count_if(is_transfer) AS leg_transfers,
    count_if(is_improper_transfer) AS leg_improper_transfers,
    sum({MICROS}) AS leg_us
  FROM call_legs
  GROUP BY call_id
),
totals AS (
  SELECT
    start_date AS date,
    queue_id,
    count(*) AS calls,
    sum(options_navigated) AS options,
    coalesce(sum(options_navigated) FILTER (WHERE NOT transferred), 0) AS options_self_service,
    coalesce(sum(options_navigated) FILTER (WHERE transferred), 0) AS options_transferred,
    count_if(authenticated) AS authenticated_calls,
    count_if(transferred) AS transferred_calls,
    coalesce(sum(legs), 0) AS human_legs,
    coalesce(sum(leg_transfers), 0) AS transfers,
    coalesce(sum(leg_improper_transfers), 0) AS improper_transfers,
    coalesce(sum(leg_us), 0) AS leg_us
  FROM ivr_calls LEFT JOIN legs_of_call USING (call_id)
  WHERE start_date IN (SELECT day FROM days)
  GROUP BY start_date, queue_id
)
SELECT
  year(date) * 100 + month(date) AS period,
  date,
  queue_id,
  calls,
  {ratio("options", "calls")} AS average_options,
  {ratio("options_self_service", "calls - transferred_calls")} AS average_options_self_service,
  {ratio("options_transferred", "transferred_calls")} AS average_options_transferred,
  authenticated_calls,
  transferred_calls,
  human_legs,
  transfers,
  improper_transfers,
  {ratio("leg_us", "1000000 * human_legs")} AS average_leg_seconds
FROM totals
"""

MODELS = {"agent_daily": AGENT_DAILY, "queue_daily": QUEUE_DAILY}
