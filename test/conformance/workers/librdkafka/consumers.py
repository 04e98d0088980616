"""Consumers of librdkafka, each polled by a thread of its own."""

import queue
import threading
import time
from concurrent.futures import Future

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from refusal import Refused

# Told by polling, but the consumer goes on by itself.
PASSING = {"_ALL_BROKERS_DOWN", "_TRANSPORT", "_RESOLVE", "_TIMED_OUT", "_MAX_POLL_EXCEEDED"}


class PolledConsumer(threading.Thread):
    def __init__(self, consumer, topics, assign, reset):
        super().__init__(daemon=True)
        self.consumer = consumer
        self.reset = reset
        self.changed = threading.Condition()
        self.records = []
        self.history = []
        self.partitions = {}
        self.failure = None
        self.closed = False
        self.tasks = queue.SimpleQueue()
        if topics:
            consumer.subscribe(
                topics,
                on_assign=lambda _, given: self.note("assigned", given),
                on_revoke=lambda _, taken: self.note("revoked", taken),
                on_lost=lambda _, lost: self.note("revoked", lost),
            )
        else:
            consumer.assign(assign)

    def run(self):
        while not self.closed:
            while not self.tasks.empty():
                self.tasks.get()()
            message = self.consumer.poll(0.05)
            with self.changed:
                if message is not None:
                    self.take(message)
                self.changed.notify_all()
        self.consumer.close()

    def take(self, message):
        error = message.error()
        if error is None:
            key, value = message.key(), message.value()
            self.records.append(
                {
                    "topic": message.topic(),
                    "partition": message.partition(),
                    "offset": message.offset(),
                    "timestamp": message.timestamp()[1],
                    "key": key,
                    "value": value,
                    "headers": [list(header) for header in message.headers() or []],
                }
            )
        elif error.name() not in PASSING and self.failure is None:
            self.failure = KafkaException(error)
            # A fatal error hides the one it stands for.
            if error.name() == "_FATAL" and "static consumer" in error.str().lower():
                self.failure = Refused("FENCED_INSTANCE_ID", error.str())
            if error.name() == "_AUTO_OFFSET_RESET" and "no previously committed" in error.str():
                self.failure = Refused("CLIENT:NO_OFFSET", error.str())

    def note(self, event, changed):
        numbers = sorted(each.partition for each in changed)
        with self.changed:
            if event == "assigned" or numbers:
                self.history.append({"event": event, "partitions": numbers})
            for each in changed:
                own = self.partitions.setdefault(each.topic, set())
                (own.add if event == "assigned" else own.discard)(each.partition)

    def receive(self, count, within):
        deadline = time.monotonic() + within
        with self.changed:
            while len(self.records) < count and self.failure is None:
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    break
            if self.failure is not None:
                raise self.failure
            taken, self.records = self.records, []
            return taken

    def do(self, task):
        """A consumer that is polling keeps other threads out: the one that polls does it."""
        done = Future()

        def perform():
            try:
                done.set_result(task(self.consumer))
            except Exception as error:  # told to who asked
                done.set_exception(error)

        self.tasks.put(perform)
        return done.result(20)

    def seek(self, where):
        def move(consumer):
            consumer.seek(where)
            # What came before has to be dropped with it.
            with self.changed:
                self.records = []

        self.do(move)


def consumer_operations(connect):
    open_ = {}

    def open_consumer(args):
        reset = args.get("reset", "earliest")
        config = {
            **connect(args),
            # librdkafka wants one even where it is not used.
            "group.id": args.get("group", "none"),
            "enable.auto.commit": False,
            "auto.offset.reset": "error" if reset == "none" else reset,
            "isolation.level": args.get("isolation", "read_uncommitted"),
            "session.timeout.ms": args.get("sessionTimeoutMs", 10_000),
            "heartbeat.interval.ms": 200,
            "fetch.wait.max.ms": 200,
            "topic.metadata.refresh.interval.ms": 2_000,
            "partition.assignment.strategy": args.get("strategy", "range"),
        }
        if "instanceId" in args:
            config["group.instance.id"] = args["instanceId"]
        begin = {"earliest": OFFSET_BEGINNING, "latest": OFFSET_END}
        assign = [
            TopicPartition(each["topic"], each["partition"], begin.get(each["from"], each["from"]))
            for each in args.get("assign", [])
        ]
        polled = PolledConsumer(Consumer(config), args.get("topics"), assign, reset)
        open_[args["consumer"]] = polled
        polled.start()

    def receive(args):
        return {"records": open_[args["consumer"]].receive(args["count"], args["withinMs"] / 1_000)}

    def assignment(args):
        polled = open_[args["consumer"]]
        with polled.changed:
            return {
                "partitions": {topic: sorted(own) for topic, own in polled.partitions.items()},
                "history": list(polled.history),
            }

    def commit(args):
        offsets = [
            TopicPartition(o["topic"], o["partition"], o["offset"], o.get("metadata", ""))
            for o in args["offsets"]
        ]
        committed = open_[args["consumer"]].do(
            lambda consumer: consumer.commit(offsets=offsets, asynchronous=False)
        )
        for each in committed:
            if each.error:
                raise KafkaException(each.error)

    def seek(args):
        where = TopicPartition(args["topic"], args["partition"], args["offset"])
        open_[args["consumer"]].seek(where)

    def pause(args):
        where = TopicPartition(args["topic"], args["partition"])
        open_[args["consumer"]].do(lambda consumer: consumer.pause([where]))

    def resume(args):
        where = TopicPartition(args["topic"], args["partition"])
        open_[args["consumer"]].do(lambda consumer: consumer.resume([where]))

    def close(args):
        polled = open_.pop(args["consumer"])
        polled.closed = True
        polled.join(8)

    return {
        "openConsumer": open_consumer,
        "receive": receive,
        "assignment": assignment,
        "commitOffsets": commit,
        "seek": seek,
        "pause": pause,
        "resume": resume,
        "closeConsumer": close,
    }
