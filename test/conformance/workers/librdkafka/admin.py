"""Topics, configs and groups by librdkafka's admin client."""

import threading

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

from refusal import Refused

TIMEOUT = 12


def admin_operations(connect):
    local = threading.local()

    def admin():
        if not hasattr(local, "admin"):
            local.admin = AdminClient(connect({}))
        return local.admin

    def only(futures):
        try:
            return next(iter(futures.values())).result(TIMEOUT)
        except KafkaException as error:
            # What librdkafka says when it finds no leader for a topic.
            if error.args[0].name() == "_NOENT" and "partition leaders" in error.args[0].str():
                raise Refused("UNKNOWN_TOPIC_OR_PARTITION", error.args[0].str()) from error
            raise

    def metadata(connection):
        if connection.get("listener") != "sasl":
            return admin().list_topics(timeout=TIMEOUT)
        seen = []
        client = AdminClient({**connect(connection), "error_cb": seen.append})
        try:
            return client.list_topics(timeout=3)
        except Exception:
            client.poll(0)
            # That the login was refused is told apart from the request, which runs out of time.
            for error in seen:
                if error.name() == "_AUTHENTICATION":
                    raise Refused("SASL_AUTHENTICATION_FAILED", error.str()) from error
            raise

    def describe_cluster(args):
        found = admin().describe_cluster(request_timeout=TIMEOUT).result(TIMEOUT)
        return {"nodes": len(found.nodes), "controller": found.controller is not None}

    def list_topics(args):
        return {"topics": list(metadata(args).topics)}

    def create_topic(args):
        topic = NewTopic(
            args["topic"],
            num_partitions=args.get("partitions", -1),
            replication_factor=args.get("replicationFactor", 1),
            config=args.get("configs", {}),
        )
        only(admin().create_topics([topic], validate_only=args.get("validateOnly", False)))

    def delete_topic(args):
        only(admin().delete_topics([args["topic"]]))

    def describe_topic(args):
        found = admin().list_topics(args["topic"], timeout=TIMEOUT).topics[args["topic"]]
        if found.error:
            raise KafkaException(found.error)
        return {
            "partitions": len(found.partitions),
            "replicas": len(found.partitions[0].replicas),
        }

    def create_partitions(args):
        only(admin().create_partitions([NewPartitions(args["topic"], args["total"])]))

    def delete_records(args):
        where = TopicPartition(args["topic"], args["partition"], args["before"])
        only(admin().delete_records([where]))

    def list_offset(args):
        at = args["at"]
        if isinstance(at, dict):
            spec = OffsetSpec.for_timestamp(at["timestamp"])
        else:
            spec = {
                "earliest": OffsetSpec.earliest(),
                "latest": OffsetSpec.latest(),
                "max-timestamp": OffsetSpec.max_timestamp(),
            }[at]
        isolation = (
            IsolationLevel.READ_COMMITTED
            if args.get("isolation") == "read_committed"
            else IsolationLevel.READ_UNCOMMITTED
        )
        where = TopicPartition(args["topic"], args["partition"])
        found = only(admin().list_offsets({where: spec}, isolation_level=isolation))
        return {"offset": None if found.offset < 0 else found.offset}

    def describe_configs(args):
        kind = ConfigResource.Type.TOPIC if args["type"] == "topic" else ConfigResource.Type.BROKER
        entries = only(admin().describe_configs([ConfigResource(kind, args["name"])]))
        return {
            "configs": {
                name: {"value": entry.value, "isDefault": entry.is_default}
                for name, entry in entries.items()
            }
        }

    def alter_configs(args):
        resource = ConfigResource(
            ConfigResource.Type.TOPIC, args["topic"], set_config=args["configs"]
        )
        only(admin().alter_configs([resource]))

    def incremental_alter_configs(args):
        changes = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in args.get("set", {}).items()
        ] + [
            ConfigEntry(name, None, incremental_operation=AlterConfigOpType.DELETE)
            for name in args.get("unset", [])
        ]
        resource = ConfigResource(
            ConfigResource.Type.TOPIC, args["topic"], incremental_configs=changes
        )
        only(admin().incremental_alter_configs([resource]))

    def list_groups(args):
        found = admin().list_consumer_groups(request_timeout=TIMEOUT).result(TIMEOUT)
        return {"groups": [each.group_id for each in found.valid]}

    def describe_group(args):
        found = only(admin().describe_consumer_groups([args["group"]]))

        def assignment(member):
            topics = {}
            for each in member.assignment.topic_partitions if member.assignment else []:
                topics.setdefault(each.topic, []).append(each.partition)
            return {topic: sorted(partitions) for topic, partitions in topics.items()}

        return {
            "state": found.state.name.title(),
            "protocol": found.partition_assignor,
            "members": [
                {
                    "clientId": member.client_id,
                    "instanceId": member.group_instance_id,
                    "assignment": assignment(member),
                }
                for member in found.members
            ],
        }

    def delete_group(args):
        only(admin().delete_consumer_groups([args["group"]]))

    def group_offsets(args):
        wanted = [TopicPartition(args["topic"], each) for each in range(args["partitions"])]
        request = ConsumerGroupTopicPartitions(args["group"], wanted)
        found = only(admin().list_consumer_group_offsets([request])).topic_partitions
        ordered = sorted(found, key=lambda each: each.partition)
        return {
            "offsets": [None if each.offset < 0 else each.offset for each in ordered],
            "metadata": [each.metadata for each in ordered],
        }

    def alter_group_offsets(args):
        request = ConsumerGroupTopicPartitions(
            args["group"],
            [TopicPartition(o["topic"], o["partition"], o["offset"]) for o in args["offsets"]],
        )
        for each in only(admin().alter_consumer_group_offsets([request])).topic_partitions:
            if each.error:
                    raise KafkaException(each.error)

    return {
        "describeCluster": describe_cluster,
        "listTopics": list_topics,
        "createTopic": create_topic,
        "deleteTopic": delete_topic,
        "describeTopic": describe_topic,
        "createPartitions": create_partitions,
        "deleteRecords": delete_records,
        "listOffset": list_offset,
        "describeConfigs": describe_configs,
        "alterConfigs": alter_configs,
        "incrementalAlterConfigs": incremental_alter_configs,
        "listGroups": list_groups,
        "describeGroup": describe_group,
        "deleteGroup": delete_group,
        "groupOffsets": group_offsets,
        "alterGroupOffsets": alter_group_offsets,
    }
