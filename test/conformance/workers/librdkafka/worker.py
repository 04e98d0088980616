"""librdkafka behind the port, through confluent-kafka. Arguments: the plain and the SASL address."""

import base64
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import confluent_kafka

from admin import admin_operations
from consumers import consumer_operations
from producers import producer_operations
from refusal import code_of

FEATURES = [
    "codec:none", "codec:gzip", "codec:snappy", "codec:lz4", "codec:zstd",
    "strategy:range", "strategy:roundrobin", "strategy:cooperative-sticky",
    "login:PLAIN", "login:SCRAM-SHA-256", "login:SCRAM-SHA-512",
    "acks:0", "sent-positions", "idempotent", "headers", "free-headers", "timestamps", "time-span", "append-time", "aborts", "tells-revocation", "transaction-timeout", "stays-joined", "tells-fencing",
    "null-values", "empty-bytes", "binary", "murmur2", "static-member", "assign",
    "reset:none", "read_committed", "offset-metadata", "validate-only", "max-timestamp",
    "listOffset:isolation", "session-timeout", "is-default", "member-assignment",
]  # fmt: skip

_writing = threading.Lock()


def connect(connection):
    """What every client of a connection needs to be told."""
    sasl = connection.get("listener") == "sasl"
    config = {
        "bootstrap.servers": sys.argv[2 if sasl else 1],
        "client.id": "conformance",
        "broker.address.family": "v4",
        "reconnect.backoff.ms": 30,
        "reconnect.backoff.max.ms": 200,
        "retry.backoff.ms": 30,
        "allow.auto.create.topics": False,
        "log_level": 0,
    }
    login = connection.get("login")
    if login:
        config.update(
            {
                "security.protocol": "sasl_plaintext",
                "sasl.mechanism": login["mechanism"],
                "sasl.username": login["username"],
                "sasl.password": login["password"],
            }
        )
    return config


def decode(item):
    return base64.b64decode(item["b64"]) if set(item) == {"b64"} else item


def encode(value):
    return {"b64": base64.b64encode(value).decode()}


def write(line):
    with _writing:
        sys.stdout.write(json.dumps(line, default=encode) + "\n")
        sys.stdout.flush()


def answer(operations, request):
    try:
        result = operations[request["op"]](request["args"])
        write({"id": request["id"], "ok": {} if result is None else result})
    except Exception as error:  # whatever it is, the other side has to hear of it
        write({"id": request["id"], "error": {"code": code_of(error), "message": str(error)}})


def main():
    operations = {
        **admin_operations(connect),
        **producer_operations(connect),
        **consumer_operations(connect),
    }
    name = f"librdkafka {confluent_kafka.libversion()[0]} (Python)"
    write({"client": name, "offers": [*operations, *FEATURES]})
    executor = ThreadPoolExecutor(max_workers=64)
    for line in sys.stdin:
        executor.submit(answer, operations, json.loads(line, object_hook=decode))


main()
