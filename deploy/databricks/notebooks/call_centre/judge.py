"""Accepts or rejects each event with its one reason (docs/domain.md section 1), in built-in functions alone.

The fast path may only accept: one regular expression for the whole of an ordinary event. What it does not accept goes
through `scan`, which takes strict JSON apart by rules of its own, since Spark's parser is lenient in a dozen ways.
Both run inside the JVM; no row visits a Python process.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from .contracts import Dataset, Field

DEPTH_MAX = 100
FIRST_US = 946_684_800_000_000  # 2000-01-01
END_US = 4_102_444_800_000_000  # 2100-01-01

W = r"[ \t\n\r]*+"
NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+"
STRING = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
TIMESTAMP = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{CLOCK}:[0-5][0-9](?:\.[0-9]{{1,9}})?(?:Z|[-+]{CLOCK})"

# In the text that `scan` reduces, \x02i\x02 stands for the string that is token i, and \x01 for an array or object.
TEXT = r"\x02[0-9]++\x02"
VALUE = rf"(?:{TEXT}|\x01|true|false|null|{NUMBER})"
MEMBER = rf"{W}{TEXT}{W}:{W}{VALUE}{W}"
CONTAINER = rf"\[{W}(?:{VALUE}{W}(?:,{W}{VALUE}{W})*+)?+\]|\{{{W}(?:{MEMBER}(?:,{MEMBER})*+)?+\}}"


def judge(bronze: DataFrame, dataset: Dataset) -> DataFrame:
    """The bronze rows with `reason` (null: accepted) and `event`, the values of an accepted one.

    The rows are kept after each step (`persist`): the next step uses a column of the one before many times over, and
    the optimizer would write its whole expression out at each of them.
    """
    quick = _quick_event(bronze, dataset).persist()
    accepted = quick.where("event IS NOT NULL").withColumn("reason", F.lit(None).cast("string"))
    rest = scan(quick.where("event IS NULL").drop("event")).persist()
    return accepted.unionByName(_by_fields(rest, dataset).persist())


def _quick_event(bronze: DataFrame, dataset: Dataset) -> DataFrame:
    """With the `event` of a body that has each field once, no other member, no escape and nothing out of range."""
    members = "|".join(f'"{field.name}"{W}:{W}{_QUICK[field.kind]}' for field in dataset.fields)
    more = len(dataset.fields) - 1
    whole = rf"\A{W}\{{{W}(?:{members}){W}(?:,{W}(?:{members}){W}){{{more}}}\}}{W}\z"
    texts = ", ".join(f"{field.name} {_PARSED[field.kind]}" for field in dataset.fields)
    rows = bronze.withColumn("_parsed", F.from_json(F.when(F.col("body").rlike(whole), F.col("body")), texts))
    values = [_quick_value(field, F.col(f"_parsed.{field.name}")).alias(field.name) for field in dataset.fields]
    rows = rows.withColumn("_values", F.struct(*values))
    good = " AND ".join(f"_values.{field.name} IS NOT NULL" for field in dataset.fields)
    if dataset.ends:
        good += f" AND _values.{dataset.ends} >= _values.{dataset.starts}"
    typed = [F.col(f"_values.{field.name}").cast(field.type).alias(field.name) for field in dataset.fields]
    return rows.withColumn("event", F.when(F.expr(good), F.struct(*typed))).drop("_parsed", "_values")


_QUICK = {
    "string": r'"[^"\\\x00-\x1f\x7f]++"',
    "id": r"-?(?:0|[1-9][0-9]{0,17}+)(?![.eE0-9])",
    "int": r"-?(?:0|[1-9][0-9]{0,17}+)(?![.eE0-9])",
    "boolean": r"(?:true|false)",
    "timestamp": rf'"{TIMESTAMP}"',
}
_PARSED = {"string": "STRING", "id": "BIGINT", "int": "BIGINT", "boolean": "BOOLEAN", "timestamp": "STRING"}


def _quick_value(field: Field, value: Column) -> Column:
    match field.kind:
        case "string":
            return F.when(F.length(value) <= field.most, value)
        case "id" | "int":
            return F.when(value.between(field.least, field.most), value)
        case "timestamp":
            return _instant(value)
        case _:
            return value


def _instant(text: Column) -> Column:
    """The timestamp of a text that looks like one; null where its date does not exist or lies outside the range.

    Offsets go up to 23:59, which Spark's own cast does not take; digits past the sixth are cut off.
    """
    seconds = F.concat(F.substring(text, 1, 19), F.lit("Z")).cast("timestamp")
    fraction = F.rpad(F.regexp_extract(text, r"\.([0-9]{1,6})", 1), 6, "0").cast("bigint")
    zone = F.substring(text, -6, 6)
    minutes = F.substring(zone, 2, 2).cast("bigint") * 60 + F.substring(zone, 5, 2).cast("bigint")
    offset = F.when(text.endswith("Z"), F.lit(0)).when(zone.startswith("-"), -minutes).otherwise(minutes)
    micros = F.unix_micros(seconds) + fraction - offset * 60_000_000
    return F.when((micros >= FIRST_US) & (micros < END_US), F.timestamp_micros(micros))


def scan(bronze: DataFrame) -> DataFrame:
    """The rows with `tokens`, `names` and `lexemes` of the outermost object, and `reason` where it is none.

    Strings are cut out first, so that brackets in them count for nothing; then the innermost arrays and objects are
    replaced, round by round, until only the outermost is left. A body nested deeper has some left over.
    """
    tokens = F.regexp_extract_all("body", F.lit(rf'{STRING}|[^"]++|"'), F.lit(0))
    skeleton = F.array_join(
        F.transform(
            F.col("tokens"),
            lambda token, at: F.when(
                token.startswith('"') & (F.length(token) > 1),
                F.concat(F.lit("\x02"), at.cast("string"), F.lit("\x02")),
            ).otherwise(token),
        ),
        "",
    )
    unclean = F.col("body").rlike(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
    cut = bronze.withColumn("tokens", F.when(~unclean, tokens)).withColumn("skeleton", skeleton)
    trimmed = F.regexp_replace("skeleton", rf"\A{W}|[ \t\n\r]++\z", "")
    cut = cut.withColumn("skeleton", trimmed).withColumn("is_object", F.col("skeleton").rlike(r"\A\{[\s\S]*+\z"))
    inside = F.when(F.col("is_object"), F.expr("substring(skeleton, 2)")).otherwise(F.col("skeleton"))
    # Of an object, the text after its bracket is reduced; its last bracket has no partner there and stays.
    reduced = F.aggregate(
        F.sequence(F.lit(1), F.when(F.col("is_object"), F.lit(DEPTH_MAX - 1)).otherwise(F.lit(DEPTH_MAX))),
        inside,
        lambda text, _: F.when(text.rlike(r"[\]}]"), F.regexp_replace(text, CONTAINER, "\x01")).otherwise(text),
    )
    return _members(cut.withColumn("members", reduced).persist())


def _members(cut: DataFrame) -> DataFrame:
    whole = rf"\A{W}(?:{MEMBER}(?:,{MEMBER})*+)?+\}}\z"
    is_whole = F.when(F.col("is_object"), F.col("members").rlike(whole)).otherwise(
        F.col("members").rlike(rf"\A{VALUE}\z")
    )
    # A run of such characters that long is a number too long, or no number: no JSON either way.
    is_json = F.coalesce(is_whole & ~F.col("skeleton").rlike(r"[-+.0-9eE]{1001}"), F.lit(False))
    name_at = F.regexp_extract_all("members", F.lit(rf"\x02([0-9]++)\x02{W}:"), F.lit(1))
    lexemes = F.regexp_extract_all("members", F.lit(rf":{W}({VALUE})"), F.lit(1))
    names = F.transform(name_at, lambda at: _name_of(F.get(F.col("tokens"), at.cast("int"))))
    good = is_json & F.col("is_object")
    found = (
        cut.withColumn("is_json", is_json)
        .withColumn("names", F.when(good, names))
        .withColumn("lexemes", F.when(good, lexemes))
    )
    reason = (
        F.when(F.col("body").isNull(), "not_utf8")
        .when(~F.col("is_json") | (F.size(F.array_distinct("names")) < F.size("names")), "not_json")
        .when(~F.col("is_object"), "not_object")
    )
    return found.withColumn("reason", reason).drop("skeleton", "members", "is_json", "is_object")


def _text_of(token: Column) -> Column:
    """The text that a JSON string stands for. Half a surrogate pair is none: see where that is asked for."""
    return F.from_json(F.concat(F.lit("["), token, F.lit("]")), "array<string>")[0]


def _name_of(token: Column) -> Column:
    """As `_text_of`, but half a surrogate pair, which Spark's strings cannot hold, becomes a noncharacter and its
    hexadecimals, so that names stay apart; a noncharacter that stands there is doubled."""
    plain = F.regexp_replace(_plain(token), "\ufdd0|" + r"\\ufdd0", "\ufdd0\ufdd0")
    marked = F.regexp_replace(plain, LONE_SURROGATE, "\ufdd0$1$2")
    return F.when(token.rlike("\ufdd0|" + r"\\u"), _text_of(marked)).otherwise(_text_of(token))


def _plain(token: Column) -> Column:
    """The same string with no pair of backslashes and its hexadecimals in lower case: each `\\u` begins an escape."""
    pieces = F.split(F.regexp_replace(token, r"\\\\", r"\\u005c"), r"\\u")
    lower = F.transform(
        pieces,
        lambda piece, at: F.when(at == 0, piece).otherwise(
            F.concat(F.lower(F.substring(piece, 1, 4)), piece.substr(F.lit(5), F.length(piece)))
        ),
    )
    return F.array_join(lower, "\\u")


HIGH, LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
LONE_SURROGATE = rf"\\u([dD][89abAB][0-9a-fA-F]{{2}})(?!{LOW})|(?<!{HIGH})\\u([dD][c-fC-F][0-9a-fA-F]{{2}})"


def _by_fields(rows: DataFrame, dataset: Dataset) -> DataFrame:
    """Field by field in the contract's order: missing, of another type, out of range; at last the interval."""
    for field in dataset.fields:
        at = F.array_position("names", field.name)
        rows = rows.withColumn(f"_{field.name}", F.when(at > 0, F.get(F.col("lexemes"), (at - 1).cast("int"))))
    for field in dataset.fields:
        rows = _slow_field(rows, field)
    reasons = [F.col("reason"), *[F.col(f"_why_{field.name}") for field in dataset.fields]]
    rows = rows.withColumn("reason", F.coalesce(*reasons))
    if dataset.ends:
        backwards = F.col(f"_{dataset.ends}") < F.col(f"_{dataset.starts}")
        rows = rows.withColumn("reason", F.coalesce("reason", F.when(backwards, "ends_before_start")))
    event = F.struct(*[F.col(f"_{field.name}").cast(field.type).alias(field.name) for field in dataset.fields])
    rows = rows.withColumn("event", F.when(F.col("reason").isNull(), event))
    extra = [f"{mark}_{field.name}" for field in dataset.fields for mark in ("", "_why")]
    return rows.drop("tokens", "names", "lexemes", *extra)


def _slow_field(rows: DataFrame, field: Field) -> DataFrame:
    name, why = f"_{field.name}", f"_why_{field.name}"
    lexeme = F.col(name)
    is_text = lexeme.startswith("\x02")
    token = F.get(F.col("tokens"), F.substring_index(F.substring(lexeme, 2, 12), "\x02", 1).cast("int"))
    text = F.when(is_text, _text_of(token))
    is_whole = F.regexp_replace(F.when(is_text, token), r"\\\\", r"\\u005c").rlike(LONE_SURROGATE) == F.lit(False)
    integer = r"\A-?(?:0|[1-9][0-9]*+)\z"
    match field.kind:
        case "string":
            is_type = is_text
            short = (F.length(text) >= field.least) & (F.length(text) <= field.most)
            value = F.when(is_whole & short & ~text.rlike(r"[\x00-\x1f\x7f]"), text)
        case "id" | "int":
            is_type = lexeme.rlike(integer)
            number = F.when(F.length(lexeme) <= 17, lexeme.cast("bigint"))
            value = F.when(number.between(field.least, field.most), number)
        case "boolean":
            is_type = lexeme.isin("true", "false")
            value = F.when(is_type, lexeme == "true")
        case _:
            is_type = is_text
            value = F.when(is_whole & text.rlike(rf"\A{TIMESTAMP}\z"), _instant(text))
    reason = (
        F.when(lexeme.isNull() | (lexeme == "null"), f"missing:{field.name}")
        .when(~is_type, f"type:{field.name}")
        .when(value.isNull(), f"range:{field.name}")
    )
    return rows.withColumn(why, reason).withColumn(name, F.when(F.col(why).isNull(), value))
