"""Producers of librdkafka, transactional ones among them."""

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

TIMEOUT = 15


def producer_operations(connect):
    open_ = {}

    def open_producer(args):
        config = {
            **connect(args),
            "acks": args.get("acks", -1),
            "compression.type": args.get("codec", "none"),
            "enable.idempotence": args.get("idempotent", False),
            "partitioner": "murmur2_random",
            "message.timeout.ms": 8_000,
            # How long a topic may be unknown before it counts as such.
            "topic.metadata.propagation.max.ms": 2_000,
            "linger.ms": 0,
        }
        if "transactionalId" in args:
            timeout = args.get("transactionTimeoutMs", 60_000)
            config["transactional.id"] = args["transactionalId"]
            config["transaction.timeout.ms"] = timeout
            config["message.timeout.ms"] = min(timeout, 8_000)
            config.pop("enable.idempotence")
        producer = Producer(config)
        if "transactionalId" in args:
            producer.init_transactions(TIMEOUT)
        open_[args["producer"]] = producer

    def send(args):
        producer = open_[args["producer"]]
        sent = [None] * len(args["records"])
        failures = []

        def delivered(index):
            def report(error, message):
                if error:
                    failures.append(error)
                    return
                offset = message.offset()
                sent[index] = {
                    "partition": message.partition(),
                    "offset": None if offset is None or offset < 0 else offset,
                }

            return report

        for index, record in enumerate(args["records"]):
            where = {name: record[name] for name in ("partition", "timestamp") if name in record}
            producer.produce(
                args["topic"],
                key=record["key"],
                value=record["value"],
                headers=[tuple(header) for header in record["headers"]] or None,
                on_delivery=delivered(index),
                **where,
            )
        producer.flush(TIMEOUT)
        if failures:
            raise KafkaException(failures[0])
        return {"sent": sent}

    def begin(args):
        open_[args["producer"]].begin_transaction()

    def commit(args):
        open_[args["producer"]].commit_transaction(TIMEOUT)

    def abort(args):
        open_[args["producer"]].abort_transaction(TIMEOUT)

    def send_offsets(args):
        # Who commits is told by a consumer; this one never joins.
        consumer = Consumer({**connect({}), "group.id": args["group"]})
        offsets = [TopicPartition(o["topic"], o["partition"], o["offset"]) for o in args["offsets"]]
        try:
            open_[args["producer"]].send_offsets_to_transaction(
                offsets, consumer.consumer_group_metadata(), TIMEOUT
            )
        finally:
            consumer.close()

    def close(args):
        open_.pop(args["producer"]).flush(2)

    return {
        "openProducer": open_producer,
        "send": send,
        "begin": begin,
        "commitTransaction": commit,
        "abortTransaction": abort,
        "sendOffsets": send_offsets,
        "closeProducer": close,
    }
