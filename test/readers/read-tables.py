"""Reads every Delta table below a folder with delta-rs and with DuckDB, and compares what they find.

Usage: read-tables.py LAKE_FOLDER [EXPECTED_COUNTS.json]

The JSON file maps table paths below the lake (`silver/call_legs`) to row counts; a table named there must exist.
Prints one line a table. Ends with 1 where a count, the columns, their nulls or their first days differ, or a table
cannot be read; with 2 where there is no table at all, since then nothing was shown.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable


def tables_below(lake: Path) -> list[Path]:
    return sorted(folder.parent for folder in lake.rglob("_delta_log") if folder.is_dir())


def open_duckdb() -> duckdb.DuckDBPyConnection:
    """The extension comes from its Python package: nothing is downloaded when it is loaded."""
    connection = duckdb.connect()
    package = find_spec("duckdb_extension_delta")
    (extension,) = Path(package.submodule_search_locations[0]).rglob("delta.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read_delta_rs(table: Path) -> dict:
    return described(DeltaTable(str(table)).to_pyarrow_table())


def read_duckdb(connection: duckdb.DuckDBPyConnection, table: Path) -> dict:
    return described(connection.sql("SELECT * FROM delta_scan($1)", params=[f"file://{table}"]).to_arrow_table())


def described(found: pa.Table) -> dict:
    days = [field.name for field in found.schema if pa.types.is_date(field.type)]
    return {
        "rows": found.num_rows,
        "columns": found.column_names,
        "nulls": {name: found.column(name).null_count for name in found.column_names},
        "first days": {name: str(pc.min(found.column(name)).as_py()) for name in days},
    }


def difference(left: dict, right: dict, expected: int | None) -> str | None:
    if expected is not None and left["rows"] != expected:
        return f"{expected} rows expected"
    differing = [name for name in left if left[name] != right[name]]
    return "; ".join(f"{name}: {left[name]} and {right[name]}" for name in differing) or None


def main(arguments: list[str]) -> int:
    lake = Path(arguments[0]).resolve()
    expected = json.loads(Path(arguments[1]).read_text()) if len(arguments) > 1 else {}
    connection = open_duckdb()
    tables = tables_below(lake)
    failures = [f"{name}: missing" for name in sorted(expected) if lake / name not in tables]
    for table in tables:
        name = table.relative_to(lake).as_posix()
        try:
            by_delta_rs, by_duckdb = read_delta_rs(table), read_duckdb(connection, table)
            wrong = difference(by_delta_rs, by_duckdb, expected.get(name))
            mark = " WRONG" if wrong else ""
            print(f"{name}: {by_delta_rs['rows']} by delta-rs, {by_duckdb['rows']} by DuckDB{mark}")
        except Exception as error:  # Whatever a reader throws at a table is what we want to know.
            print(f"{name}: unreadable")
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            failures.append(f"{name}: {wrong}")
    for failure in failures:
        print(failure, file=sys.stderr)
    if not tables:
        print(f"no Delta table below {lake}", file=sys.stderr)
        return 2
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
