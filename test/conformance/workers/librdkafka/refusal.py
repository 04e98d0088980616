"""Names of errors as the protocol has them."""

from confluent_kafka import KafkaError, KafkaException

# Where librdkafka's name is not the protocol's, or it found out by itself.
NAMES = {
    "UNKNOWN_TOPIC_OR_PART": "UNKNOWN_TOPIC_OR_PARTITION",
    "_UNKNOWN_TOPIC": "UNKNOWN_TOPIC_OR_PARTITION",
    "_UNKNOWN_PARTITION": "UNKNOWN_TOPIC_OR_PARTITION",
    "TOPIC_EXCEPTION": "INVALID_TOPIC_EXCEPTION",
    "MSG_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE",
    "_AUTHENTICATION": "SASL_AUTHENTICATION_FAILED",
    "_FENCED": "PRODUCER_FENCED",
    "_NO_OFFSET": "CLIENT:NO_OFFSET",
    "_AUTO_OFFSET_RESET": "OFFSET_OUT_OF_RANGE",
    "_INCONSISTENT": "INCONSISTENT_GROUP_PROTOCOL",
    "INVALID_REPLICATION_FACTOR": "INVALID_REPLICATION_FACTOR",
    "INVALID_MSG_SIZE": "INVALID_FETCH_SIZE",
}


class Refused(Exception):
    """What a worker found out itself, under the protocol's name."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def code_of(error):
    if isinstance(error, Refused):
        return error.code
    if isinstance(error, KafkaException):
        error = error.args[0]
    if isinstance(error, KafkaError):
        name = error.name()
        known = NAMES.get(name, name)
        return f"CLIENT:{known}" if known.startswith("_") else known
    return f"CLIENT:{type(error).__name__}"
