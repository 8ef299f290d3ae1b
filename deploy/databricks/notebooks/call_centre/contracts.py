"""What an event is and what the tables hold, by docs/domain.md sections 1 to 4. By hand: an oracle of its own."""

from dataclasses import dataclass

ID_MAX = 9_007_199_254_740_991
INT_MAX = 2_147_483_647


@dataclass(frozen=True)
class Field:
    name: str
    kind: str  # string, id, int, boolean, timestamp
    least: int = 1
    most: int = 128  # code points of a string, value of a number

    @property
    def type(self) -> str:
        return {"string": "STRING", "id": "BIGINT", "int": "INT", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP"}[
            self.kind
        ]


@dataclass(frozen=True)
class Dataset:
    name: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    day: str  # partition column of the silver table
    starts: str  # the timestamp whose day that is
    ends: str | None = None

    @property
    def event_columns(self) -> list[str]:
        return [field.name for field in self.fields] + ["enqueued_at", "partition_id", "sequence_number"]

    @property
    def flags(self) -> list[str]:
        return ["is_transfer", "is_improper_transfer"] if self.name == "call_legs" else []

    @property
    def derived(self) -> list[str]:
        return [self.day] + (["end_date"] if self.ends else []) + ["period"] + self.flags

    @property
    def columns(self) -> list[str]:
        return [*self.event_columns, "loaded_at", *self.derived]

    @property
    def schema(self) -> str:
        types = {field.name: field.type for field in self.fields} | ARRIVAL
        types |= {self.day: "DATE", "end_date": "DATE", "period": "INT", "loaded_at": "TIMESTAMP"}
        types |= {flag: "BOOLEAN" for flag in self.flags}
        return ", ".join(f"{name} {types[name]}" for name in self.columns)


ARRIVAL = {"enqueued_at": "TIMESTAMP", "partition_id": "INT", "sequence_number": "BIGINT"}
HEAD = (Field("event_id", "string"), Field("produced_at", "timestamp"))
SPAN = (Field("started_at", "timestamp"), Field("ended_at", "timestamp"))
CALL_ID = Field("call_id", "string")
CUSTOMER = Field("customer_id", "id", 1, ID_MAX)

IVR_CALLS = Dataset(
    "ivr_calls",
    ("call_id",),
    (
        *HEAD,
        CALL_ID,
        CUSTOMER,
        *SPAN,
        Field("authenticated", "boolean"),
        Field("options_navigated", "int", 0, 1000),
        Field("option_code", "string", 1, 16),
        Field("transferred", "boolean"),
        Field("queue_id", "string", 1, 64),
    ),
    day="start_date",
    starts="started_at",
    ends="ended_at",
)
CALL_LEGS = Dataset(
    "call_legs",
    ("call_id", "leg_id"),
    (
        *HEAD,
        CALL_ID,
        Field("leg_id", "string"),
        CUSTOMER,
        Field("agent_id", "int", 1, INT_MAX),
        *SPAN,
        Field("area", "string", 1, 64),
    ),
    day="start_date",
    starts="started_at",
    ends="ended_at",
)
SURVEYS = Dataset(
    "surveys",
    ("survey_id",),
    (*HEAD, Field("survey_id", "string"), CALL_ID, Field("sent_at", "timestamp"), Field("score", "int", 0, 10)),
    day="sent_date",
    starts="sent_at",
)
DATASETS = {dataset.name: dataset for dataset in (IVR_CALLS, CALL_LEGS, SURVEYS)}

BRONZE = (
    "body STRING, body_base64 STRING, properties STRING, partition_id INT, sequence_number BIGINT, offset STRING, "
    "enqueued_at TIMESTAMP, partition_key STRING, ingested_at TIMESTAMP, run_id STRING, ingestion_date DATE"
)
REJECTED = (
    "dataset STRING, partition_id INT, sequence_number BIGINT, enqueued_at TIMESTAMP, reason STRING, body STRING, "
    "body_base64 STRING, rejected_at TIMESTAMP"
)
_PEOPLE = ", ".join(
    f"{role}_id INT, {role}_name STRING" for role in ("supervisor", "coordinator", "manager", "superintendent")
)
DIMENSIONS = {
    "agents": (
        "agent_id",
        f"agent_id INT, agent_name STRING, email STRING, employee_number STRING, area STRING, {_PEOPLE}, "
        "status STRING, registered_at TIMESTAMP",
    ),
    "customers": (
        "customer_id",
        "customer_id BIGINT, name STRING, cpf STRING, email STRING, birth_date DATE, gender STRING, state STRING, "
        "city STRING, segment STRING, registered_at TIMESTAMP",
    ),
}
GOLD = {
    "agent_daily": (
        "period INT, date DATE, agent_id INT, agent_name STRING, agent_area STRING, supervisor_name STRING, "
        "coordinator_name STRING, manager_name STRING, superintendent_name STRING, handled_legs BIGINT, "
        "transfers BIGINT, transfer_pct DECIMAL(18,2), improper_transfers BIGINT, "
        "improper_transfer_pct DECIMAL(18,2), repeat_calls BIGINT, repeat_call_pct DECIMAL(18,2), "
        "average_handle_seconds DECIMAL(18,2), promoters BIGINT, neutrals BIGINT, detractors BIGINT, "
        "nps DECIMAL(18,2)"
    ),
    "queue_daily": (
        "period INT, date DATE, queue_id STRING, calls BIGINT, average_options DECIMAL(18,2), "
        "average_options_self_service DECIMAL(18,2), average_options_transferred DECIMAL(18,2), "
        "authenticated_calls BIGINT, transferred_calls BIGINT, human_legs BIGINT, transfers BIGINT, "
        "improper_transfers BIGINT, average_leg_seconds DECIMAL(18,2)"
    ),
}
